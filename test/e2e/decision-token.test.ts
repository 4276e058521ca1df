/** A decision that was shown and is then run, against the real service and its sandbox. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type CompleteResponse, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Intent, RejectionReason, type RoutingDecision } from "../../gen/modeltier/v1/routing_pb.js";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";

const SECRET = "one secret of forty characters for tests";
const overGrpc = ({ grpcAddress }: RunningService) =>
  createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
const overJson = ({ httpUrl }: RunningService) =>
  createClient(
    RouterService,
    createConnectTransport({ baseUrl: httpUrl, httpVersion: "1.1", useBinaryFormat: false }),
  );

const step = {
  agentId: "planner",
  sessionId: "s-1",
  intent: Intent.GENERATE,
  agentAis: { combinedScore: 5 },
};
const withToken = (token: string, text = "Say hello") => ({
  routing: { case: "decisionToken" as const, value: token },
  messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: text } }] }],
});

const decisionOf = (events: readonly CompleteResponse[]): RoutingDecision | undefined => {
  const first = events[0]?.event;
  return first?.case === "decision" ? first.value : undefined;
};
const startedOf = (events: readonly CompleteResponse[]): readonly string[] =>
  events.flatMap(({ event }) =>
    event.case === "attemptStarted" ? [`${event.value.target?.provider}/${event.value.target?.model}`] : [],
  );
const targetsOf = ({ provider, model, fallbacks }: RoutingDecision): readonly string[] =>
  [{ provider, model }, ...fallbacks].map((target) => `${target.provider}/${target.model}`);
const refusalOf = async (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(() => expect.unreachable("it was not refused"), ConnectError.from);
const reasonOf = (error: ConnectError) => error.findDetails(ErrorInfoSchema)[0]?.reason;

describe("a decision token", () => {
  let postgres: TestPostgres;
  let database: string;
  let service: RunningService;
  beforeAll(async () => {
    postgres = await startPostgres();
    database = await postgres.createDatabase();
    service = await start({ MODELTIER_TOKEN_SECRET: SECRET });
  });
  afterAll(async () => {
    await service?.stop();
    await postgres?.stop();
  });
  /** A replica beside the others. */
  const start = (env: Readonly<Record<string, string>> = {}) =>
    startService({ env: { DATABASE_URL: database, ...env } });
  afterEach(() => fetch(`${service.sandboxUrl}/control/faults`, { method: "DELETE" }));

  const setFault = (provider: string, fault: string) =>
    fetch(`${service.sandboxUrl}/control/faults`, {
      method: "PUT",
      body: JSON.stringify({ provider, faults: [{ fault }] }),
    });

  it("runs what was shown, streamed and whole, more than once, under the decision's id", async () => {
    const { decision, decisionToken } = await overGrpc(service).route(step);
    const events = await Array.fromAsync(overGrpc(service).complete(withToken(decisionToken)));
    const answer = await overJson(service).completeOnce({ request: withToken(decisionToken) });
    for (const run of [decisionOf(events), answer.decision]) {
      expect(run).toMatchObject({
        decisionId: decision?.decisionId,
        tier: decision?.tier,
        fallbacks: decision?.fallbacks,
        effectiveScore: decision?.effectiveScore,
        causes: decision?.causes,
        maxOutputTokens: decision?.maxOutputTokens,
        temperature: decision?.temperature,
        reason: decision?.reason,
      });
    }
    expect(startedOf(events)).toEqual([`${decision?.provider}/${decision?.model}`]);
    expect(answer.completed).toMatchObject({ provider: decision?.provider, model: decision?.model });
  });

  it("does not score the messages, which alone would have led to another tier", async () => {
    const { decision, decisionToken } = await overGrpc(service).route({ agentAis: { combinedScore: 1 } });
    const hard = `if ${"when {{ a }} unless {{ b }} ".repeat(100)}`;
    const asked = { routing: { case: "route" as const, value: { agentAis: { combinedScore: 1 } } } };
    const scored = decisionOf(
      await Array.fromAsync(overGrpc(service).complete({ ...withToken("", hard), ...asked })),
    );
    const run = decisionOf(await Array.fromAsync(overGrpc(service).complete(withToken(decisionToken, hard))));
    expect(scored?.effectiveScore).toBeGreaterThan(decision?.effectiveScore ?? 10);
    expect(run?.effectiveScore).toBe(decision?.effectiveScore);
    expect(run?.tier).toBe(decision?.tier);
  });

  it("falls back in the order that was shown", async () => {
    const { decision, decisionToken } = await overGrpc(service).route(step);
    await setFault("kimi", "529");
    const events = await Array.fromAsync(overGrpc(service).complete(withToken(decisionToken)));
    expect(startedOf(events)).toEqual(targetsOf(decision as RoutingDecision).slice(0, 2));
    expect(events.at(-1)?.event.case).toBe("completed");
  });

  it("keeps to it when breakers have opened: what is open is passed over, the rest stays in its order", async () => {
    const { decision, decisionToken } = await overGrpc(service).route(step);
    await setFault("kimi", "529");
    const isOpen = async () => (await overGrpc(service).route(step)).decision?.provider !== "kimi";
    while (!(await isOpen())) {
      await overGrpc(service).completeOnce({
        request: { ...withToken(""), routing: { case: "route", value: step } },
      });
    }
    const whileOpen = await overGrpc(service).route(step);
    const events = await Array.fromAsync(overGrpc(service).complete(withToken(decisionToken)));
    const run = decisionOf(events) as RoutingDecision;
    expect(run.decisionId).toBe(decision?.decisionId);
    expect(targetsOf(run)).toEqual(targetsOf(decision as RoutingDecision).slice(1));
    expect(run.rejectedTargets).toMatchObject([{ provider: "kimi", reason: RejectionReason.BREAKER_OPEN }]);

    await fetch(`${service.sandboxUrl}/control/faults`, { method: "DELETE" });
    while (await isOpen()) await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = await Array.fromAsync(overGrpc(service).complete(withToken(whileOpen.decisionToken)));
    expect(targetsOf(decisionOf(closed) as RoutingDecision)).toEqual(
      targetsOf(whileOpen.decision as RoutingDecision),
    );
    expect(startedOf(closed)[0]).toMatch(/^openai/);
  });

  it("is refused by name when it was changed, and when it comes from another process", async () => {
    const stranger = await start();
    const ours = (await overGrpc(service).route(step)).decisionToken;
    const theirs = (await overGrpc(stranger).route(step)).decisionToken;
    await stranger.stop();
    const changed = await refusalOf(
      overJson(service).completeOnce({ request: withToken(`${ours.slice(0, -4)}AAAA`) }),
    );
    expect(changed.code).toBe(Code.InvalidArgument);
    expect(changed.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: "request.decisionToken", description: "was changed: send it as Route gave it" },
    ]);
    const foreign = await refusalOf(Array.fromAsync(overGrpc(service).complete(withToken(theirs))));
    expect(foreign.code).toBe(Code.InvalidArgument);
    expect(foreign.rawMessage).toMatch(/^decision_token was issued by another process/);
  });

  it("runs at any replica with the same secret, and not under another configuration", async () => {
    const { decision, decisionToken } = await overGrpc(service).route(step);
    const [replica, other] = await Promise.all([
      start({ MODELTIER_TOKEN_SECRET: SECRET }),
      start({ MODELTIER_TOKEN_SECRET: SECRET, MODELTIER_TIER_BALANCED: "openai/gpt-4o-mini" }),
    ]);
    const answer = await overGrpc(replica).completeOnce({ request: withToken(decisionToken) });
    const refused = await refusalOf(overGrpc(other).completeOnce({ request: withToken(decisionToken) }));
    await Promise.all([replica.stop(), other.stop()]);
    expect(answer.decision?.decisionId).toBe(decision?.decisionId);
    expect(refused.code).toBe(Code.FailedPrecondition);
    expect(reasonOf(refused)).toBe("DECISION_CONFIG_CHANGED");
  });

  it("expires", async () => {
    const hasty = await start({ MODELTIER_TOKEN_LIFETIME_SECONDS: "0.001" });
    const { decisionToken } = await overGrpc(hasty).route(step);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const refused = await refusalOf(overGrpc(hasty).completeOnce({ request: withToken(decisionToken) }));
    await hasty.stop();
    expect(refused.code).toBe(Code.FailedPrecondition);
    expect(reasonOf(refused)).toBe("DECISION_EXPIRED");
  });

  it("is left out for a caller that wants none", async () => {
    const { decision, decisionToken } = await overGrpc(service).route({
      ...step,
      withoutDecisionToken: true,
    });
    expect(decision?.provider).toBe("kimi");
    expect(decisionToken).toBe("");
  });

  it("counts its decision once, however often it is run", async () => {
    const decisions = async () => {
      const metrics = await (await fetch(`${service.httpUrl}/metrics`)).text();
      return metrics
        .matchAll(/^modeltier_routing_decisions_total\{.*\} (\d+)/gm)
        .reduce((sum, [, value]) => sum + Number(value), 0);
    };
    const before = await decisions();
    const { decisionToken } = await overGrpc(service).route(step);
    await overGrpc(service).completeOnce({ request: withToken(decisionToken) });
    await overGrpc(service).completeOnce({ request: withToken(decisionToken) });
    expect(await decisions()).toBe(before + 1);
  });

  it("needs a secret that is worth one", async () => {
    await expect(startService({ env: { MODELTIER_TOKEN_SECRET: "too short, by far" } })).rejects.toThrow(
      /MODELTIER_TOKEN_SECRET is too short/,
    );
  });
});
