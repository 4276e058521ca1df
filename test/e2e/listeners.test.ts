/** What a caller meets at the door: malformed requests, limits, deadlines, cancellation, and a service that goes away. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { protoPath } from "grpc-health-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ProviderService } from "../../gen/modeltier/v1/provider_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { PriceStatus } from "../../gen/modeltier/v1/routing_pb.js";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, type ServiceOptions, startService } from "../support/service.ts";

const transports = (service: RunningService) =>
  [
    ["native gRPC", createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` })],
    ["Connect", createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" })],
  ] as const;

const ask = (text: string) => ({
  routing: { case: "route" as const, value: { agentId: "a" } },
  messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: text } }] }],
});

const setFault = (service: RunningService, provider: string, model: string, fault: string) =>
  fetch(`${service.sandboxUrl}/control/faults`, {
    method: "PUT",
    body: JSON.stringify({ provider, model, faults: [{ fault }] }),
  });

type LedgerEntry = Readonly<{ end: string }>;

let service: RunningService;
beforeAll(async () => {
  service = await startService({ env: { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "20" } });
});
afterAll(() => service.stop());

async function expectAlive(): Promise<void> {
  for (const [, transport] of transports(service)) {
    const { decision } = await createClient(RouterService, transport).route({ agentId: "still there" });
    expect(decision?.provider).toBe("kimi");
  }
}

/** What the HTTP port answers to bytes as they are; "" when it hangs up without a word. */
async function answerTo(bytes: string): Promise<string> {
  const { hostname, port } = new URL(service.httpUrl);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString("latin1");
  });
  socket.on("error", () => {});
  socket.end(bytes, "latin1");
  await new Promise((resolve) => socket.once("close", resolve));
  return answer;
}

describe("a malformed request", () => {
  it.each([
    ["a Host with a space", "GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400],
    [
      "a Host with an open bracket",
      "POST /modeltier.v1.RouterService/Route HTTP/1.1\r\nHost: [::1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      400,
    ],
    [
      "a Host with a wrong port",
      "POST /modeltier.v1.RouterService/Route HTTP/1.1\r\nHost: a:99999\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      400,
    ],
    ["HTTP/1.0 without a Host", "GET /healthz HTTP/1.0\r\n\r\n", 400],
    [
      "the absolute form",
      "GET http://elsewhere/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      400,
    ],
    ["an asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400],
    [
      "a path that is nothing",
      "GET //etc/passwd%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      404,
    ],
    ["64 KiB of path", `GET /${"a".repeat(65_536)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 431],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
  ])("with %s gets a clean error and the process lives", async (_, bytes, status) => {
    expect(await answerTo(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    await expectAlive();
  });

  it.each([
    ["a content type of nobody", { "content-type": "text/plain" }, "{}", 415],
    ["JSON that is none", { "content-type": "application/json" }, "{", 400],
    [
      "a field of the wrong type",
      { "content-type": "application/json" },
      '{"agentAis":{"combinedScore":"high"}}',
      400,
    ],
  ])("over Connect with %s is refused with %s", async (_, headers, body, status) => {
    const response = await fetch(`${service.httpUrl}/modeltier.v1.RouterService/Route`, {
      method: "POST",
      headers,
      body,
    });
    expect(response.status).toBe(status);
    await expectAlive();
  });

  it("over native gRPC whose bytes are no message is INVALID_ARGUMENT", async () => {
    const session = connectHttp2(`http://${service.grpcAddress}`);
    const stream = session.request({
      ":method": "POST",
      ":path": "/modeltier.v1.RouterService/Route",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let status: unknown;
    stream.on("response", (headers) => {
      status ??= headers["grpc-status"];
    });
    stream.on("trailers", (trailers) => {
      status ??= trailers["grpc-status"];
    });
    stream.resume();
    stream.end(Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]));
    await once(stream, "close");
    session.close();
    expect(String(status)).toBe("3");
    await expectAlive();
  });
});

describe.each(["native gRPC", "Connect"])("over %s", (name) => {
  const router = () =>
    createClient(RouterService, transports(service).find(([other]) => other === name)?.[1] as never);

  it("a wrong field is named, with details a program can read", async () => {
    const error = await router()
      .route({ agentAis: { combinedScore: 10.5 } })
      .catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    const [violations] = (error as ConnectError).findDetails(BadRequestSchema);
    expect(violations?.fieldViolations[0]?.field).toMatch(/^agent_?[aA]is\.combined_?[sS]core$/);
    expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: "INVALID_REQUEST",
      domain: "modeltier",
    });
  });

  it("an unknown model is INVALID_ARGUMENT and named", async () => {
    const error = await router()
      .route({ constraints: { model: "openai/gpt-none" } })
      .catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect((error as ConnectError).rawMessage).toContain("openai/gpt-none");
  });

  it("a message above 4 MiB is RESOURCE_EXHAUSTED", async () => {
    const error = await router()
      .completeOnce({ request: ask("x".repeat(4 * 1024 * 1024 + 1)) })
      .catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    await expectAlive();
  });

  it("metadata above 16 KiB is refused and the limit is named", async () => {
    const headers = { "x-large": "x".repeat(17_000) };
    const error = await router().route({ agentId: "a" }, { headers }).catch(ConnectError.from);
    expect(error).toBeInstanceOf(ConnectError);
    if (name === "native gRPC") expect((error as ConnectError).rawMessage).toContain("16384");
    await expectAlive();
  });

  it("a budget too small for the smallest answer is RESOURCE_EXHAUSTED with BUDGET_EXCEEDED", async () => {
    const error = await router().route({ budgetRemaining: 10n }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason).toBe("BUDGET_EXCEEDED");
  });

  it("a deadline ends the call as DEADLINE_EXCEEDED, and the provider's as well", async () => {
    await fetch(`${service.sandboxUrl}/ledger`, { method: "DELETE" });
    const events: string[] = [];
    const error = await (async () => {
      for await (const { event } of router().complete(ask("Write 200 tokens"), { timeoutMs: 400 }))
        events.push(event.case ?? "");
    })().catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.DeadlineExceeded });
    expect(events[0]).toBe("decision");
    expect(events).not.toContain("completed");
    await expectUpstreamAborted();
  });

  it("a caller that goes away takes the provider's call with it", async () => {
    await fetch(`${service.sandboxUrl}/ledger`, { method: "DELETE" });
    const gone = new AbortController();
    const seen = (async () => {
      for await (const { event } of router().complete(ask("Write 200 tokens"), { signal: gone.signal })) {
        if (event.case === "textDelta") gone.abort();
      }
    })().catch(ConnectError.from);
    expect(await seen).toMatchObject({ code: Code.Canceled });
    await expectUpstreamAborted();
  });

  it("a provider that fails before its first token is replaced by the next, and the events say so", async () => {
    await setFault(service, "kimi", "kimi-k2-0905-preview", "529");
    const events = await Array.fromAsync(router().complete(ask("Say hello")));
    await fetch(`${service.sandboxUrl}/control/faults`, { method: "DELETE" });
    const failed = events.find(({ event }) => event.case === "attemptFailed")?.event;
    expect(failed?.value).toMatchObject({ attempt: 1, failure: "overloaded", willContinue: true });
    const last = events.at(-1)?.event;
    expect(last?.case === "completed" && last.value.provider).toBe("openai");
    expect(last?.case === "completed" && last.value.attempts.map(({ outcome }) => outcome)).toEqual([
      "overloaded",
      "ok",
    ]);
  });
});

/** The sandbox saw its caller hang up. */
async function expectUpstreamAborted(): Promise<void> {
  for (;;) {
    const ledger = await (await fetch(`${service.sandboxUrl}/ledger`)).json();
    const ends = (ledger as { entries: LedgerEntry[] }).entries.map(({ end }) => end);
    if (ends.length > 0 && !ends.includes("open")) {
      expect(ends).toEqual(ends.map(() => "aborted_by_client"));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("one connection", () => {
  it("carries at most 100 streams at once; the rest wait for their turn", async () => {
    const session = connectHttp2(`http://${service.grpcAddress}`);
    const [settings] = await once(session, "remoteSettings");
    session.close();
    expect(settings.maxConcurrentStreams).toBe(100);
  });
});

describe("health and metrics", () => {
  it("are served on both ports", async () => {
    expect((await fetch(`${service.httpUrl}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${service.httpUrl}/readyz`)).json()).toEqual({ status: "ready" });
    expect(await checkHealth(service, "")).toBe("SERVING");
    expect(await checkHealth(service, "modeltier.v1.RouterService")).toBe("SERVING");
    await expect(checkHealth(service, "nobody")).rejects.toMatchObject({ code: 5 });
  });

  it("count calls, tokens and cost under the labels of the configuration", async () => {
    const router = createClient(RouterService, transports(service)[0][1]);
    await router.completeOnce({ request: ask("Say hello") });
    const metrics = await (await fetch(`${service.httpUrl}/metrics`)).text();
    expect(metrics).toMatch(
      /modeltier_provider_calls_total\{provider="kimi",model="kimi-k2-0905-preview",tier="balanced",outcome="ok"\} [1-9]/,
    );
    expect(metrics).toMatch(
      /modeltier_provider_cost_usd_total\{provider="kimi",model="kimi-k2-0905-preview",tier="balanced"\} [\d.e-]+/,
    );
    expect(metrics).toMatch(/modeltier_routing_decisions_total\{tier="balanced",cause="score"\} [1-9]/);
    expect(metrics).toMatch(/modeltier_config_version 0/);
  });
});

async function checkHealth({ grpcAddress }: RunningService, name: string): Promise<string> {
  const { grpc } = loadPackageDefinition(loadSync(protoPath, { enums: String })) as unknown as {
    grpc: { health: { v1: { Health: ServiceClientConstructor } } };
  };
  const client = new grpc.health.v1.Health(grpcAddress, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      const check = client.Check as (
        request: object,
        done: (error: Error | null, answer: { status: string }) => void,
      ) => void;
      check.call(client, { service: name }, (error, answer) =>
        error === null ? resolve(answer.status) : reject(error),
      );
    });
  } finally {
    client.close();
  }
}

describe("a service of its own", () => {
  // What is asked here is nothing a database knows; on one that is there a service starts in a quarter of the time.
  let postgres: TestPostgres;
  let database: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    database = await postgres.createDatabase();
  });
  afterAll(() => postgres?.stop());
  const start = ({ env, ...options }: ServiceOptions) =>
    startService({ ...options, env: { DATABASE_URL: database, ...env } });

  it("says which variable is missing when no provider has a key and the sandbox is off", async () => {
    const alone = await start({ env: { MODELTIER_SANDBOX: "false" } });
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${alone.grpcAddress}` }),
    );
    const error = await router.route({ agentId: "a" }).catch(ConnectError.from);
    await alone.stop();
    expect(error).toMatchObject({ code: Code.FailedPrecondition });
    expect((error as ConnectError).rawMessage).toMatch(
      /KIMI_API_KEY.*OPENAI_API_KEY|OPENAI_API_KEY.*KIMI_API_KEY/,
    );
  });

  it("passes over a provider without a key and says so in the decision", async () => {
    const alone = await start({ env: { OPENAI_API_KEY: "sk-test" } });
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${alone.grpcAddress}` }),
    );
    const { decision } = await router.route({ agentId: "a" });
    await alone.stop();
    expect(decision).toMatchObject({ provider: "openai", sandbox: false });
    expect(decision?.rejectedTargets[0]?.detail).toContain("KIMI_API_KEY");
  });

  it("calls any OpenAI-compatible server by its base URL, at a price that nobody knows", async () => {
    const server = `${service.sandboxUrl}/openai/v1`;
    const alone = await start({
      env: {
        MODELTIER_PROVIDERS: "ollama",
        OLLAMA_BASE_URL: server,
        OLLAMA_API_KEY: "any",
        MODELTIER_TIER_BALANCED: "ollama/llama3.2",
      },
    });
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${alone.grpcAddress}` }),
    );
    const { text, completed } = await router.completeOnce({ request: ask("Say hello") });
    const metrics = await (await fetch(`${alone.httpUrl}/metrics`)).text();
    await alone.stop();
    expect(text).toMatch(/\S/);
    expect(completed).toMatchObject({
      provider: "ollama",
      model: "llama3.2",
      priceStatus: PriceStatus.UNKNOWN,
    });
    expect(metrics).toMatch(/modeltier_unknown_price_total\{[^}]*\} 1/);
  });

  it("reads keys again from its environment files, behind the admin token, and forgets nothing else", async () => {
    const alone = await start({
      env: { MODELTIER_ADMIN_TOKEN: "t0ken", MODELTIER_SANDBOX: "false" },
      inOwnFolder: true,
    });
    const transport = createGrpcTransport({ baseUrl: `http://${alone.grpcAddress}` });
    const providers = createClient(ProviderService, transport);
    const admin = { headers: { authorization: "Bearer t0ken" } };
    const before = await providers.listProviders({}, admin);
    writeFileSync(join(alone.dataDir, ".env.local"), "KIMI_API_KEY=k-1\n");
    const refused = await providers.reloadProviders({}).catch(ConnectError.from);
    const after = await providers.reloadProviders({}, admin);
    const { decision } = await createClient(RouterService, transport).route({ agentId: "a" });
    await alone.stop();
    expect(before.providers.map(({ id, missingVariable }) => [id, missingVariable])).toEqual([
      ["anthropic", "ANTHROPIC_API_KEY"],
      ["kimi", "KIMI_API_KEY"],
      ["openai", "OPENAI_API_KEY"],
    ]);
    expect(refused).toMatchObject({ code: Code.Unauthenticated });
    expect(after.changed).toEqual(["kimi"]);
    expect(decision?.provider).toBe("kimi");
  });

  it("lets a call in flight end after SIGTERM, writes its record, and exits with 0", async () => {
    const alone = await start({ env: { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "20" } });
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${alone.grpcAddress}` }),
    );
    const events = router.complete(ask("Write 30 tokens"))[Symbol.asyncIterator]();
    await events.next();
    const exited = alone.stop("SIGTERM");
    let last: string | undefined;
    for (let taken = await events.next(); !taken.done; taken = await events.next())
      last = taken.value.event.case;
    expect(last).toBe("completed");
    expect(await exited).toBe(0);
    expect(alone.output().stderr).toMatch(
      /"status":"ok".*"msg":"an execution ended"|"an execution ended".*"status":"ok"/,
    );
  });

  it("ends a call that outlasts the grace as UNAVAILABLE, on both listeners, and still exits with 0", async () => {
    const alone = await start({ env: { MODELTIER_GRACE_SECONDS: "0.2" } });
    await setFault(alone, "kimi", "kimi-k2-0905-preview", "stall=1");
    const calls = transports(alone).map(async ([, transport]) => {
      const events = createClient(RouterService, transport)
        .complete(ask("Say hello"))
        [Symbol.asyncIterator]();
      await events.next();
      return async () => {
        for (let taken = await events.next(); !taken.done; taken = await events.next());
      };
    });
    const rests = (await Promise.all(calls)).map((rest) => rest().catch(ConnectError.from));
    const exited = alone.stop("SIGTERM");
    expect(await Promise.all(rests)).toMatchObject([{ code: Code.Unavailable }, { code: Code.Unavailable }]);
    expect(await exited).toBe(0);
  });

  it("starts, routes and completes while Postgres is away", async () => {
    const alone = await start({ env: { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" } });
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://${alone.grpcAddress}` }),
    );
    const { decision } = await router.route({ agentId: "a" });
    const { text } = await router.completeOnce({ request: ask("Say hello") });
    expect(await alone.stop()).toBe(0);
    expect(decision?.provider).toBe("kimi");
    expect(text).toMatch(/\S/);
  });

  it("names every wrong setting at once and does not start", async () => {
    await expect(
      startService({ env: { MODELTIER_PRESET: "newest", MODELTIER_HTTP_PORT: "eighty" } }),
    ).rejects.toThrow(/MODELTIER_HTTP_PORT[\s\S]*MODELTIER_PRESET/);
  });
});
