/** X05 and X21: what callers write stays a value; it becomes no header, no address and no property of something else. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { ConfigFileError, fromYaml } from "../../src/cli/config-yaml.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { type RunningService, startService } from "../support/service.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { providersOf } from "./rig/replicas.ts";

const stack = new AsyncDisposableStack();
let proxy: TcpProxy;
let service: RunningService;
beforeAll(async () => {
  const sandbox: Sandbox = await startSandbox({ tokensPerSecond: 4_000 });
  stack.defer(() => sandbox.close());
  const openai = new URL(sandbox.baseUrls.openai);
  proxy = await startTcpProxy(Number(openai.port));
  stack.defer(() => proxy.close());
  const env = {
    ...providersOf(sandbox),
    OPENAI_BASE_URL: `http://127.0.0.1:${proxy.port}${openai.pathname}`,
  };
  service = await startService({ env });
  stack.defer(() => service.stop().then(() => undefined));
}, 60_000);
afterAll(() => stack.disposeAsync());

const transports = () => [
  createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
  createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" }),
];

/** What the provider was asked since the last time: the first line, and the names of the headers. */
function heads(): readonly (readonly string[])[] {
  const seen = proxy.requests.slice(read).map(({ head }) => {
    const [line = "", ...headers] = head.trimEnd().split("\r\n");
    return [line, ...headers.map((header) => header.split(":")[0]?.toLowerCase() ?? "").sort()];
  });
  read = proxy.requests.length;
  return seen;
}
let read = 0;

const HOSTILE = [
  "a\r\nx-injected: 1",
  "a\nx-injected: 1",
  "a\r\n\r\nGET /victim HTTP/1.1",
  "../../victim?x=1#y",
  "a b\u0000c",
  "\u2028x-injected: 1",
  "ünïcode \u{1f600}",
];

describe("X05 text of a caller", () => {
  it("is in no header and no address that a provider sees, whatever field it is in", async () => {
    const model = "openai/gpt-4o-mini";
    const ask = (text: string, where: string) => ({
      request: {
        routing: {
          case: "route" as const,
          value: {
            agentId: where === "agentId" ? text : "agent",
            sessionId: where === "sessionId" ? text : "session",
            constraints: { model: where === "model" ? `${model}${text}` : model },
          },
        },
        labels: where === "label" ? { [text]: text } : {},
        messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: "Say hello" } }] }],
      },
    });
    const [grpc] = transports().map((transport) => createClient(RouterService, transport));
    await grpc?.completeOnce(ask("", "nothing"));
    const [plain] = heads();
    expect(plain?.[0]).toMatch(/^POST \/openai\/v1\/chat\/completions HTTP\/1\.1$/);
    for (const transport of transports()) {
      const router = createClient(RouterService, transport);
      for (const text of HOSTILE) {
        for (const where of ["agentId", "sessionId", "model", "label"]) {
          const code = await router.completeOnce(ask(text, where)).then(
            () => undefined,
            (error: unknown) => ConnectError.from(error).code,
          );
          const told = `${JSON.stringify(text)} as ${where}`;
          expect([undefined, Code.InvalidArgument, Code.NotFound], told).toContain(code);
          for (const head of heads()) expect(head).toEqual(plain);
        }
      }
    }
  });

  it("is in no header that a caller of /v1 hands on either", async () => {
    const headers = {
      "content-type": "application/json",
      "x-modeltier-agent-id": "agent",
      "x-request-id": "somebody's",
      traceparent: "00-zz-injected-01",
      tracestate: "x-injected=1",
      forwarded: "for=victim",
      "x-forwarded-host": "victim",
      "anthropic-version": "injected",
      "openai-organization": "injected",
    };
    const send = (body: object) =>
      fetch(`${service.httpUrl}/v1/chat/completions`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
    const messages = [{ role: "user", content: "Say hello" }];
    expect((await send({ model: "openai/gpt-4o-mini", messages })).status).toBe(200);
    const [plain = []] = heads();
    expect(plain.join(" ")).not.toMatch(/forwarded|trace|organization|x-request-id|modeltier/);
    for (const text of HOSTILE) {
      const response = await send({
        model: "openai/gpt-4o-mini",
        messages,
        user: text,
        metadata: { team: text },
      });
      expect([200, 400]).toContain(response.status);
      for (const head of heads()) expect(head).toEqual(plain);
    }
  });
});

/** Names that are everybody's, in every place where a request has names. */
const POLLUTING = [
  '{"__proto__": {"polluted": true, "agentId": "polluted", "agent_id": "polluted"}}',
  '{"constructor": {"prototype": {"polluted": true}}}',
  '{"agentId": "a", "__proto__": {"constraints": {"model": "openai/gpt-4o"}}}',
  '{"labels": {"__proto__": "x", "constructor": "y", "toString": "z"}, "route": {"agentId": "a"}}',
  '{"config": {"tiers": {"__proto__": {"targets": []}}}, "__proto__": {"basedOn": "1"}}',
];

describe("X21 a name that is everybody's", () => {
  it("in JSON of Connect, of the admin's RPCs and of /v1 changes no other call", async () => {
    const plain = await route('{"agentId":"a"}');
    const paths = [
      "modeltier.v1.RouterService/Route",
      "modeltier.v1.RouterService/CompleteOnce",
      "modeltier.v1.ConfigService/ValidateConfig",
      "modeltier.v1.ConfigService/PublishConfig",
      "modeltier.v1.AccessService/SetBudget",
      "v1/chat/completions",
    ];
    for (const path of paths) {
      for (const body of POLLUTING) {
        const { status } = await post(path, body);
        expect([200, 400, 404, 409], `${path} ${body}`).toContain(status);
      }
      expect(await route('{"agentId":"a"}'), path).toEqual(plain);
    }
    const named = await post(
      "v1/chat/completions",
      '{"model": "auto", "messages": [{"role": "user", "content": "Say hello", "__proto__": {"x": 1}}], "metadata": {"__proto__": "x"}}',
    );
    expect([200, 400]).toContain(named.status);
  });

  it("in a configuration file is refused or stays a name, and is nobody else's property", () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    for (const body of POLLUTING) {
      for (const text of [body, `config: ${body}`, "config:\n  __proto__:\n    polluted: true\n"]) {
        try {
          fromYaml(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigFileError);
        }
      }
    }
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

const post = (path: string, body: string) =>
  fetch(`${service.httpUrl}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });

/** What does not differ from call to call. */
async function route(body: string): Promise<unknown> {
  const response = await post("modeltier.v1.RouterService/Route", body);
  const { decision } = (await response.json()) as {
    decision: { tier: string; provider: string; model: string };
  };
  return [response.status, decision.tier, decision.provider, decision.model];
}
