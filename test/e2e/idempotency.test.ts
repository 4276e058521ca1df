/** A call that is repeated with its key, against the real service: one answer, whoever asks again and wherever. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type CompleteResponse, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { databaseOf } from "../support/database-of.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";

const overGrpc = ({ grpcAddress }: RunningService) =>
  createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
const overJson = ({ httpUrl }: RunningService) =>
  createClient(
    RouterService,
    createConnectTransport({ baseUrl: httpUrl, httpVersion: "1.1", useBinaryFormat: false }),
  );

const FAST = { case: "route" as const, value: { agentId: "a", agentAis: { combinedScore: 1 } } };
const ask = (idempotencyKey: string, text = "Say hello [tokens=12]") => ({
  idempotencyKey,
  routing: FAST,
  messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: text } }] }],
});

type Said = { text: string; completed: { executionId: string; replayed: boolean } | undefined };
function said(events: readonly CompleteResponse[]): Said {
  const answer: Said = { text: "", completed: undefined };
  for (const { event } of events) {
    if (event.case === "textDelta") answer.text += event.value.text;
    if (event.case === "completed") answer.completed = event.value;
  }
  return answer;
}

/** Calls that the services' providers saw. */
async function upstreamCalls(...services: readonly RunningService[]): Promise<number> {
  const ledgers = services.map(async ({ sandboxUrl }) => {
    const { entries } = (await (await fetch(`${sandboxUrl}/ledger`)).json()) as { entries: unknown[] };
    return entries.length;
  });
  return (await Promise.all(ledgers)).reduce((sum, calls) => sum + calls, 0);
}

const setFault = ({ sandboxUrl }: RunningService, fault: string) =>
  fetch(`${sandboxUrl}/control/faults`, { method: "PUT", body: JSON.stringify({ faults: [{ fault }] }) });
const refusalOf = async (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(() => expect.unreachable("it was not refused"), ConnectError.from);
const infoOf = (error: ConnectError) => error.findDetails(ErrorInfoSchema)[0];

/** The database that a service writes to, as a client of one's own sees it. */
async function query(connection: pg.ClientConfig, statement: string): Promise<unknown[]> {
  const client = new pg.Client(connection);
  await client.connect();
  const { rows } = await client.query(statement).finally(() => client.end());
  return rows;
}
const EXPIRE = "update idempotency_keys set expires_at = now() - interval '1 second'";

/** A slow machine is no failure. */
const PATIENTLY = { timeout: 20_000 };

/** Postgres may be away at the start, so the service does not wait for its tables to be there. */
async function startOnPostgres(
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningService> {
  const service = await startService({ env: { DATABASE_URL: url, ...env } });
  await vi.waitFor(() => expect(service.output().stderr).toContain("The database is up to date"), PATIENTLY);
  return service;
}

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

describe.each(["postgres", "the embedded database"])("with %s, a call with an idempotency key", (engine) => {
  let service: RunningService;
  beforeAll(async () => {
    const url = engine === "postgres" ? await postgres.createDatabase() : undefined;
    service = url === undefined ? await startService() : await startOnPostgres(url);
    connection = databaseOf(service, url);
  });
  afterAll(() => service.stop());
  afterEach(async () => {
    await fetch(`${service.sandboxUrl}/control/faults`, { method: "DELETE" });
    await fetch(`${service.sandboxUrl}/ledger`, { method: "DELETE" });
  });
  let connection: pg.ClientConfig;

  it("is made once, and its answer is given again: whole or streamed, over gRPC or JSON, to the last number", async () => {
    const first = await Array.fromAsync(overGrpc(service).complete(ask("once")));
    const original = said(first);
    const streamed = await Array.fromAsync(overJson(service).complete(ask("once")));
    const whole = await overGrpc(service).completeOnce({ request: ask("once") });
    expect(original.completed?.replayed).toBe(false);
    expect(original.text).not.toBe("");
    expect(streamed[0]?.event).toEqual(first[0]?.event);
    expect(said(streamed).text).toBe(original.text);
    expect(said(streamed).completed).toEqual({ ...original.completed, replayed: true });
    expect(whole.text).toBe(original.text);
    expect(whole.completed).toEqual({ ...original.completed, replayed: true });
    expect(await upstreamCalls(service)).toBe(1);
  });

  it("is made once when it was whole the first time, tool calls and all", async () => {
    const request = {
      ...ask("tools", "Please look_up the weather [calls=2]"),
      tools: [{ name: "look_up", parameters: { type: "object", properties: { place: { type: "string" } } } }],
    };
    const first = await overJson(service).completeOnce({ request });
    const events = await Array.fromAsync(overGrpc(service).complete(request));
    const calls = events.flatMap(({ event }) => (event.case === "toolCallDelta" ? [event.value] : []));
    expect(first.toolCalls).toHaveLength(2);
    expect(calls).toMatchObject(
      first.toolCalls.map(({ id, name, argumentsJson }, index) => ({ index, id, name, argumentsJson })),
    );
    expect(await upstreamCalls(service)).toBe(1);
  });

  it("is refused with another body, by the name of the field", async () => {
    await overGrpc(service).completeOnce({ request: ask("reused") });
    const refused = await refusalOf(overJson(service).completeOnce({ request: ask("reused", "Say bye") }));
    expect(refused.code).toBe(Code.InvalidArgument);
    expect(infoOf(refused)?.reason).toBe("IDEMPOTENCY_KEY_REUSED");
    expect(refused.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe(
      "request.idempotencyKey",
    );
    expect(await upstreamCalls(service)).toBe(1);
  });

  it("is made again once the day is over", async () => {
    await overGrpc(service).completeOnce({ request: ask("expired") });
    await query(connection, EXPIRE);
    const again = await overGrpc(service).completeOnce({ request: ask("expired", "Say bye") });
    expect(again.completed?.replayed).toBe(false);
    expect(await upstreamCalls(service)).toBe(2);
  });

  it("may be repeated after a failure that need not come again", async () => {
    await setFault(service, "503");
    const failed = await refusalOf(overGrpc(service).completeOnce({ request: ask("transient") }));
    await fetch(`${service.sandboxUrl}/control/faults`, { method: "DELETE" });
    const answer = await until(() => overGrpc(service).completeOnce({ request: ask("transient") }));
    expect(failed.code).toBe(Code.Unavailable);
    expect(answer.completed?.replayed).toBe(false);
  });

  it("may be repeated when its caller went away in the middle", async () => {
    const gone = new AbortController();
    await setFault(service, "slow-first-token=60000");
    const cancelled = overGrpc(service).completeOnce({ request: ask("cancelled") }, { signal: gone.signal });
    await expect.poll(() => upstreamCalls(service), PATIENTLY).toBe(1);
    gone.abort();
    expect((await refusalOf(cancelled)).code).toBe(Code.Canceled);
    await fetch(`${service.sandboxUrl}/control/faults`, { method: "DELETE" });
    const answer = await until(() => overGrpc(service).completeOnce({ request: ask("cancelled") }));
    expect(answer.completed?.replayed).toBe(false);
  });

  it("fails again as it did, without asking a provider, when the content was refused", async () => {
    await setFault(service, "content-filter");
    const request = {
      ...ask("filtered"),
      routing: { case: "route" as const, value: { constraints: { model: "openai/gpt-4o-mini" } } },
    };
    const first = await refusalOf(overGrpc(service).completeOnce({ request }));
    const again = await refusalOf(Array.fromAsync(overJson(service).complete(request)));
    expect(infoOf(first)?.reason).toBe("CONTENT_FILTERED");
    expect(again).toMatchObject({ code: first.code, rawMessage: first.rawMessage });
    expect(infoOf(again)?.metadata).toEqual({ ...infoOf(first)?.metadata, replayed: "true" });
    expect(await upstreamCalls(service)).toBe(1);
  });

  it("replays the run of a decision token after the token has expired", async () => {
    const env = { MODELTIER_TOKEN_LIFETIME_SECONDS: "1" };
    const hasty =
      engine === "postgres"
        ? await startOnPostgres(await postgres.createDatabase(), env)
        : await startService({ env });
    const { decisionToken } = await overGrpc(hasty).route({ agentId: "a" });
    const request = { ...ask("token"), routing: { case: "decisionToken" as const, value: decisionToken } };
    const first = await overGrpc(hasty).completeOnce({ request });
    await expect
      .poll(
        () => refusalOf(overGrpc(hasty).completeOnce({ request: { ...request, idempotencyKey: "" } })),
        PATIENTLY,
      )
      .toMatchObject({ code: Code.FailedPrecondition });
    const again = await overGrpc(hasty).completeOnce({ request });
    await hasty.stop();
    expect(again.completed).toEqual({ ...first.completed, replayed: true });
  });
});

/** Again and again while targets cool down after a fault. */
async function until<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const { code } = ConnectError.from(error);
      if (code !== Code.Unavailable && code !== Code.Aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe("over two replicas on one Postgres", () => {
  let replicas: readonly [RunningService, RunningService];
  beforeAll(async () => {
    const url = await postgres.createDatabase();
    const env = { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "20" };
    replicas = await Promise.all([startOnPostgres(url, env), startOnPostgres(url, env)]);
  });
  afterAll(() => Promise.all(replicas.map((replica) => replica.stop())));

  it("one of two calls at once is made, the other is told to come back, and then has the same answer", async () => {
    const [one, two] = replicas;
    const calls = await Promise.allSettled([
      overGrpc(one).completeOnce({ request: ask("race") }),
      overGrpc(two).completeOnce({ request: ask("race") }),
    ]);
    const [made] = calls.flatMap((call) => (call.status === "fulfilled" ? [call.value] : []));
    const [refused] = calls.flatMap((call) =>
      call.status === "rejected" ? [ConnectError.from(call.reason)] : [],
    );
    expect(refused).toMatchObject({ code: Code.Aborted });
    expect(infoOf(refused as ConnectError)?.reason).toBe("IDEMPOTENCY_IN_FLIGHT");
    expect(refused?.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
    for (const replica of replicas) {
      const { text, completed } = said(await Array.fromAsync(overGrpc(replica).complete(ask("race"))));
      expect(text).toBe(made?.text);
      expect(completed).toEqual({ ...made?.completed, replayed: true });
    }
    expect(await upstreamCalls(one, two)).toBe(1);
  });
});

describe("after a restart", () => {
  it("the answer is still there", async () => {
    const url = await postgres.createDatabase();
    const before = await startOnPostgres(url);
    const first = await overGrpc(before).completeOnce({ request: ask("restart") });
    await before.stop("SIGKILL");
    const after = await startOnPostgres(url);
    const again = await overGrpc(after).completeOnce({ request: ask("restart") });
    const calls = await upstreamCalls(after);
    await after.stop();
    expect(again.text).toBe(first.text);
    expect(again.completed).toEqual({ ...first.completed, replayed: true });
    expect(calls).toBe(0);
  });
});

describe("while the database is away", () => {
  let proxy: DatabaseProxy;
  let service: RunningService;
  beforeAll(async () => {
    proxy = await startDatabaseProxy(postgres.socketFolder);
    const url = new URL(await postgres.createDatabase());
    url.searchParams.set("host", proxy.socketFolder);
    service = await startOnPostgres(url.href);
  });
  afterAll(async () => {
    await proxy.comeBack();
    await service.stop();
    await proxy.close();
  });

  it("a call with a key is refused and not made; one without is answered; nothing of the key is logged", async () => {
    await proxy.goDown();
    const refused = await refusalOf(overJson(service).completeOnce({ request: ask("canary-key") }));
    expect(refused.code).toBe(Code.Unavailable);
    expect(infoOf(refused)?.reason).toBe("IDEMPOTENCY_STORE_UNAVAILABLE");
    expect(await upstreamCalls(service)).toBe(0);
    expect((await overGrpc(service).completeOnce({ request: ask("") })).completed?.replayed).toBe(false);
    await vi.waitFor(
      () => expect(service.output().stderr).toContain("Calls with an idempotency key are refused"),
      PATIENTLY,
    );
    expect(service.output().stderr).not.toContain("canary-key");
  });
});
