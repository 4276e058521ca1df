/** X07, X08, O11 and redirects: where the service connects to on somebody's word. A victim listens, and nobody may come. */

import { promises as dns } from "node:dns";
import { once } from "node:events";
import { createServer } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type LookupFunction,
  type Server,
} from "node:net";
import { hostname } from "node:os";
import { create } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { CustomProviderSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { ModelTargetSchema } from "../../gen/modeltier/v1/routing_pb.js";
import type { ProviderError } from "../../src/providers/provider-error.ts";
import { createTransport, type TransportOptions } from "../../src/providers/transport.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { refusalOf } from "../support/access.ts";
import { type RunningService, startService } from "../support/service.ts";
import { call, type Heard } from "./rig/call.ts";
import { providersOf } from "./rig/replicas.ts";

type Victim = Readonly<{ port: number; connections: () => number; close: () => void }>;

/** On every address of this machine, and all that it does is count. */
async function startVictim(): Promise<Victim> {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, "::");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: () => server.close(),
  };
}

const stack = new AsyncDisposableStack();
let sandbox: Sandbox;
let victim: Victim;
let service: RunningService;
let opened: RunningService;
beforeAll(async () => {
  sandbox = await startSandbox({ tokensPerSecond: 4_000 });
  stack.defer(() => sandbox.close());
  victim = await startVictim();
  stack.defer(() => victim.close());
  const env = { ...providersOf(sandbox), INSIDE_API_KEY: "inside" };
  service = await startService({ env });
  stack.defer(() => service.stop().then(() => undefined));
  opened = await startService({ env: { ...env, MODELTIER_PRIVATE_UPSTREAMS: "127.0.0.0/8" } });
  stack.defer(() => opened.stop().then(() => undefined));
}, 60_000);
afterAll(() => stack.disposeAsync());

const transportTo = ({ grpcAddress }: RunningService) =>
  createGrpcTransport({ baseUrl: `http://${grpcAddress}` });

/** Publishes a provider of its own at an address, and asks it first for everything balanced. */
async function publish(running: RunningService, baseUrl: string): Promise<void> {
  const configs = createClient(ConfigService, transportTo(running));
  const { config, version } = await configs.getConfig({});
  if (config === undefined) throw new Error("there is a configuration");
  config.customProviders = [
    create(CustomProviderSchema, { id: "inside", baseUrl, keyVariable: "INSIDE_API_KEY" }),
  ];
  const [first] = config.tiers?.balanced?.targets ?? [];
  const own = create(ModelTargetSchema, { provider: "inside", model: "gpt-4o-mini" });
  if (first?.provider === "inside") config.tiers?.balanced?.targets.shift();
  config.tiers?.balanced?.targets.unshift(own);
  await configs.publishConfig({ config, basedOn: version?.version ?? 0n });
}

const ask = (running: RunningService): Promise<Heard> =>
  call(createClient(RouterService, transportTo(running)), "agent", "", {});

describe("X07 a published address that is not public", () => {
  it.each([
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "[::1]",
    "[::ffff:7f00:1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "0.0.0.0",
    "169.254.169.254",
    "10.0.0.1",
    "localhost",
    "api.localhost",
    "localhost.",
  ])("is refused with its field and the remedy: %s", async (host) => {
    const refused = await refusalOf(publish(service, `http://${host}:${victim.port}/v1`));
    expect(refused.code).toBe(Code.InvalidArgument);
    expect(refused.rawMessage).toMatch(
      /custom_providers\[0\]\.base_url leads to an address that is not public: .*MODELTIER_PRIVATE_UPSTREAMS/,
    );
    expect(victim.connections()).toBe(0);
  });

  it("is called where the machine's operator has allowed it", async () => {
    await publish(opened, sandbox.baseUrls.openai);
    const { served, failures } = await ask(opened);
    expect([served, failures]).toEqual(["inside/gpt-4o-mini", []]);
  });
});

/** Of this machine's own name, which every test environment resolves to the machine. */
const ownName = hostname();
const isInside = await dns.lookup(ownName).then(
  ({ address }) =>
    /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|::1|fe80|f[cd])/.test(address),
  () => false,
);

it.skipIf(!isInside)(
  "X07 a published name that leads inside is not called, and the next provider answers",
  async () => {
    await publish(service, `http://${ownName}:${victim.port}/v1`);
    const { failures, served, events } = await ask(service);
    expect(new Set(failures.map(({ target, failure }) => `${target} ${failure}`))).toEqual(
      new Set(["inside/gpt-4o-mini connection"]),
    );
    expect(served).toMatch(/^(kimi|openai|anthropic)\//);
    expect(
      JSON.stringify(events, (_, value) => (typeof value === "bigint" ? String(value) : value)),
    ).not.toContain(String(victim.port));
    expect(victim.connections()).toBe(0);
    expect(service.output().stderr).toContain(
      "its address is not public, and MODELTIER_PRIVATE_UPSTREAMS does not name it",
    );
  },
);

/** Answers on one loopback address, and hangs up after each answer. */
async function startAt(
  address: string,
  port = 0,
): Promise<Readonly<{ server: Server; port: number; asked: () => number }>> {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.writeHead(200, { connection: "close" }).end("{}");
  }).listen(port, address);
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port, asked: () => asked };
}

/** Gives one address after the other, the last one for good. */
function changing(...addresses: readonly string[]) {
  let lookups = 0;
  const lookup: LookupFunction = (_, options, callback) => {
    const address = addresses[Math.min(lookups, addresses.length - 1)] ?? "";
    lookups += 1;
    if (options.all === true) callback(null, [{ address, family: 4 }]);
    else callback(null, address, 4);
  };
  return { lookup, lookups: () => lookups };
}

function asking(options: TransportOptions, port: number, isChecked: boolean, host = "llm.example.com") {
  const transport = createTransport(options);
  onTestFinished(() => transport.close());
  const request = {
    provider: "own",
    method: "GET",
    url: new URL(`http://${host}:${port}/`),
    headers: [],
  } as const;
  return async (): Promise<number | string | undefined> => {
    const never = new AbortController().signal;
    try {
      const observer = { onHeaders() {}, onBytes() {} };
      const { status, body } = await transport.exchange({ ...request, isChecked }, never, observer);
      while ((await body.read()).length > 0);
      body.release(true);
      return status;
    } catch (error) {
      return (error as ProviderError).details.explanation;
    }
  };
}

it("X07 an address that is not public is not dialled either where a configuration from before names it", async () => {
  for (const host of ["127.0.0.1", "[::1]", "0x7f000001", "[::ffff:127.0.0.1]"])
    expect(await asking({}, victim.port, true, host)(), host).toContain("its address is not public");
  expect(victim.connections()).toBe(0);
});

it("X08 a name that means another address a moment later is not called there: what was checked is what is dialled", async () => {
  const { port, asked } = await startAt("127.0.0.2");
  const inside = await startAt("127.0.0.1", port);
  const { lookup, lookups } = changing("127.0.0.2", "127.0.0.1");
  const ask = asking({ lookup, isAllowed: (address) => address === "127.0.0.2" }, port, true);
  expect(await ask()).toBe(200);
  expect([lookups(), asked()]).toEqual([1, 1]);
  expect(await ask()).toContain("its address is not public");
  expect([lookups(), inside.asked()]).toEqual([2, 0]);
});

it("O11 a provider that moves is found again at its new address by the next connection", async () => {
  const { port, asked } = await startAt("127.0.0.2");
  const moved = await startAt("127.0.0.3", port);
  const { lookup } = changing("127.0.0.2", "127.0.0.3");
  const ask = asking({ lookup }, port, false);
  expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 200]);
  expect([asked(), moved.asked()]).toEqual([1, 2]);
});

it.each([301, 302, 303, 307, 308])("an answer of %i is not followed", async (status) => {
  const redirecting = createServer((_, response) => {
    response.writeHead(status, { location: `http://127.0.0.1:${victim.port}/v1/chat/completions` }).end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void redirecting.close());
  await once(redirecting, "listening");
  const before = victim.connections();
  const { port } = redirecting.address() as AddressInfo;
  await publish(opened, `http://127.0.0.1:${port}/v1`);
  const { failures, served } = await ask(opened);
  expect(failures[0]?.target).toBe("inside/gpt-4o-mini");
  expect(served).not.toBe("inside/gpt-4o-mini");
  expect(victim.connections()).toBe(before);
});
