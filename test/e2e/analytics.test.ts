/** What operators ask and what callers say, over gRPC and as JSON over Connect. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BandState, CostGrouping, Granularity } from "../../gen/modeltier/v1/analytics_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { AttemptKind, ExecutionStatus } from "../../gen/modeltier/v1/execution_pb.js";
import { FeedbackRefusal } from "../../gen/modeltier/v1/feedback_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { AgentScoreSource, Intent, Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { transportTo } from "../support/access.ts";
import { databaseOf } from "../support/database-of.ts";
import { type RunningService, startService } from "../support/service.ts";

const TOKEN = "an-admin-token-of-this-test";
const bearer = { headers: { authorization: `Bearer ${TOKEN}` } };
const SECRET = "the words of the caller";

describe("analytics and feedback", () => {
  let service: RunningService;
  /** Of the calls made before the tests, in their order; the first was tried twice at Kimi and then elsewhere. */
  const executionIds: string[] = [];

  const transport = () => createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` });
  const analytics = () => createClient(AnalyticsService, transport());
  const feedback = () => createClient(FeedbackService, transport());

  type Answer = Readonly<{
    executions: readonly { executionId: string }[];
    nextPageToken?: string;
    message: string;
    details: readonly { debug?: { fieldViolations?: readonly { field: string }[] } }[];
  }>;

  /** One RPC as a browser would ask it. */
  async function asJson(method: string, request: object, headers: Record<string, string> = bearer.headers) {
    const response = await fetch(`${service.httpUrl}/modeltier.v1.${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(request),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }

  async function call(index: number): Promise<void> {
    const router = createClient(RouterService, transport());
    const { completed } = await router.completeOnce({
      request: {
        routing: {
          case: "route",
          value: {
            agentId: `agent-${index % 2}`,
            intent: Intent.SUMMARIZE,
            step: { prompt: SECRET },
            agentAis: { combinedScore: 5 },
            constraints: { tier: Tier.BALANCED },
          },
        },
        messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: SECRET } }] }],
        sampling: { stop: [SECRET] },
        labels: { team: index === 0 ? "search" : "mail" },
      },
    });
    executionIds.push(completed?.executionId ?? "");
  }

  beforeAll(async () => {
    service = await startService({ env: { MODELTIER_ADMIN_TOKEN: TOKEN } });
    await fetch(`${service.sandboxUrl}/control/faults`, {
      method: "PUT",
      body: JSON.stringify({
        provider: "kimi",
        model: "kimi-k2-0905-preview",
        faults: [{ fault: "500", times: 2 }],
      }),
    });
    for (let index = 0; index < 5; index += 1) await call(index);
  }, 60_000);
  afterAll(() => service.stop());

  async function getExecution(executionId: string) {
    const read = () => analytics().getExecution({ executionId }, bearer);
    await expect
      .poll(
        () =>
          read().then(
            () => true,
            () => false,
          ),
        { timeout: 5_000 },
      )
      .toBe(true);
    return read();
  }

  async function rowsOf(query: string, values: readonly string[] = []): Promise<readonly object[]> {
    const client = new pg.Client(databaseOf(service));
    await client.connect();
    const { rows } = await client.query(query, [...values]);
    await client.end();
    return rows;
  }

  const statusOf = async (answer: Promise<unknown>): Promise<ConnectError> =>
    answer.then(
      () => {
        throw new Error("it was answered");
      },
      (error: unknown) => ConnectError.from(error),
    );

  it("asks for the admin token before it tells anything, and not before it takes feedback", async () => {
    expect((await statusOf(analytics().getOverview({}))).code).toBe(Code.Unauthenticated);
    expect((await statusOf(Array.fromAsync(analytics().watchOverview({})))).code).toBe(Code.Unauthenticated);
    const { status } = await asJson("AnalyticsService/ListExecutions", {}, {});
    expect(status).toBe(401);
    const executionId = executionIds[0] ?? "";
    const taken = await feedback().recordFeedback({ executionId, feedbackId: "first", success: true });
    expect(taken).toMatchObject({ feedbackId: "first", alreadyRecorded: false });
  });

  it("shows one execution in full: every contribution, each attempt on the time line, what it cost and was worth", async () => {
    const executionId = executionIds[0] ?? "";
    await feedback().recordFeedback({
      executionId,
      feedbackId: "stars",
      quality: 4,
      comment: "Short and right",
    });
    const { execution, decision, attempts, feedback: said } = await getExecution(executionId);
    expect(execution).toMatchObject({
      status: ExecutionStatus.OK,
      agentId: "agent-0",
      intent: Intent.SUMMARIZE,
      tier: Tier.BALANCED,
      labels: { team: "search" },
    });
    expect(decision).toMatchObject({
      tier: Tier.BALANCED,
      provider: "kimi",
      agentScoreSource: AgentScoreSource.COMBINED,
      scorer: { name: "classic" },
    });
    const contributions = decision?.factors.reduce((sum, { contribution }) => sum + contribution, 0);
    expect(contributions).toBeCloseTo(decision?.stepScore ?? -1, 9);
    expect(decision?.reason).not.toBe("");
    expect(attempts.map(({ kind, attempt }) => [kind, attempt?.outcome])).toEqual([
      [AttemptKind.FIRST, "server_error"],
      [AttemptKind.RETRY, "server_error"],
      [AttemptKind.FALLBACK, "ok"],
    ]);
    const served = attempts.at(-1);
    expect(served?.timeToHeaders).toBeDefined();
    expect(served?.attempt?.timeToFirstToken).toBeDefined();
    expect(served?.costLines.reduce((sum, line) => sum + line.costNanoUsd, 0n)).toBe(
      served?.attempt?.costNanoUsd,
    );
    expect(served?.attempt?.costNanoUsd).toBeGreaterThan(0n);
    expect(execution?.costNanoUsd).toBe(
      attempts.reduce((sum, { attempt }) => sum + (attempt?.costNanoUsd ?? 0n), 0n),
    );
    expect(said.map(({ feedbackId }) => feedbackId).sort()).toEqual(["first", "stars"]);
    expect(said.find(({ feedbackId }) => feedbackId === "stars")).toMatchObject({
      quality: 4,
      comment: "Short and right",
    });
    expect(said.find(({ feedbackId }) => feedbackId === "first")?.quality).toBeUndefined();
    expect(execution?.feedback).toMatchObject({ count: 2, quality: 4, succeeded: 1, failed: 0 });
  });

  it("lists executions by filter, page by page, and knows a page of another list", async () => {
    await getExecution(executionIds[4] ?? "");
    const all = { agentId: "agent-0", pageSize: 2 };
    const first = await asJson("AnalyticsService/ListExecutions", all);
    expect(first.body.executions.map((one) => one.executionId)).toEqual([executionIds[4], executionIds[2]]);
    const pageToken = first.body.nextPageToken;
    const second = await asJson("AnalyticsService/ListExecutions", { ...all, pageToken });
    expect(second.body.executions.map((one) => one.executionId)).toEqual([executionIds[0]]);
    expect(second.body.nextPageToken ?? "").toBe("");
    const other = await asJson("AnalyticsService/ListExecutions", { agentId: "agent-1", pageToken });
    expect(other.status).toBe(400);
    expect(other.body.message).toContain("pageToken belongs to a list with other filters");
    const labelled = await asJson("AnalyticsService/ListExecutions", { labels: { team: "search" } });
    expect(labelled.body.executions.length).toBe(1);
  });

  it("lists what answers were worth beside what they cost, and nothing where nobody said", async () => {
    const [executionId = "", unsaid = ""] = [executionIds[2], executionIds[4]];
    await getExecution(unsaid);
    for (const one of [{ quality: 5, success: true }, { quality: 2, success: false }, { success: false }]) {
      await feedback().recordFeedback({ executionId, ...one });
    }
    const { executions } = await analytics().listExecutions({}, bearer);
    const find = (id: string) => executions.find((one) => one.executionId === id);
    expect(find(executionId)?.feedback).toMatchObject({ count: 3, quality: 3.5, succeeded: 1, failed: 2 });
    expect(find(executionId)?.costNanoUsd).toBeGreaterThan(0n);
    expect(find(unsaid)).toMatchObject({ executionId: unsaid });
    expect(find(unsaid)?.feedback).toBeUndefined();
  });

  it("says who was called, whether that is as meant, what it cost, and how providers do", async () => {
    await getExecution(executionIds[4] ?? "");
    const { distribution } = await analytics().getProviderDistribution({}, bearer);
    expect(distribution).toMatchObject({
      calls: 7n,
      band: { provider: "kimi", lowestShare: 0.6, highestShare: 0.7 },
      bandShare: 6 / 7,
      bandState: BandState.ABOVE,
    });
    const wider = { band: { highestShare: 0.9 } };
    const { distribution: within } = await analytics().getProviderDistribution(wider, bearer);
    expect(within?.bandState).toBe(BandState.WITHIN);

    const { models } = await analytics().getProviderPerformance({ provider: "kimi" }, bearer);
    expect(models).toMatchObject([
      { calls: 6n, succeeded: 4n, successRate: 4 / 6, fallbacks: 1n, fallbackRate: 1 / 6 },
    ]);
    expect(models[0]?.outcomes).toMatchObject([
      { outcome: "ok", calls: 4n },
      { outcome: "server_error", calls: 2n },
    ]);
    expect(models[0]?.latency).toMatchObject({ count: 4n });
    expect(models[0]?.latency?.p95).toBeDefined();

    const trend = await analytics().getCostTrend(
      {
        groupBy: CostGrouping.AGENT,
        granularity: Granularity.HOUR,
        timeZone: "Asia/Kolkata",
        window: sinceYesterday(),
      },
      bearer,
    );
    expect(trend.series.map(({ key }) => key.value).sort()).toEqual(["agent-0", "agent-1"]);
    expect(trend.total).toMatchObject({ calls: 7n, executions: 5n });
    expect(trend.total?.costPerExecutionNanoUsd).toBe((trend.total?.costNanoUsd ?? 0n) / 5n);
    expect(trend.month?.spentNanoUsd).toBeGreaterThanOrEqual(0n);
    for (const granularity of [Granularity.DAY, Granularity.MONTH]) {
      const coarse = await analytics().getCostTrend({ granularity, window: sinceYesterday() }, bearer);
      const points = coarse.series.flatMap(({ points: own }) => own);
      expect(points.length).toBeLessThanOrEqual(granularity === Granularity.DAY ? 3 : 2);
      expect(points.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n)).toBe(trend.total?.costNanoUsd);
      expect(coarse.total).toMatchObject({ calls: 7n, executions: 5n });
    }
    const histogram = await analytics().getScoreHistogram({}, bearer);
    expect(histogram.counts.length).toBe(101);
    expect(histogram.executions).toBe(5n);
  });

  it("gives the overview of a zone's days at once, and again while somebody watches", async () => {
    await getExecution(executionIds[4] ?? "");
    const { overview } = await analytics().getOverview({ timeZone: "America/New_York" }, bearer);
    expect(overview?.week.length).toBe(7);
    const week = overview?.week.reduce((sum, { totals }) => sum + (totals?.executions ?? 0n), 0n);
    const fellBack = overview?.week.reduce((sum, { totals }) => sum + (totals?.fallbacks ?? 0n), 0n);
    expect([week, fellBack]).toEqual([5n, 1n]);
    const kimi = overview?.providers.find(({ provider }) => provider === "kimi");
    expect(kimi?.lastFailure).toMatchObject({ outcome: "server_error", executionId: executionIds[0] });
    expect(kimi?.failed).toBe(2n);

    // Leaving the loop alone would leave the stream open.
    const leaving = new AbortController();
    const watched = analytics().watchOverview(
      { interval: { seconds: 2n } },
      { ...bearer, signal: leaving.signal },
    );
    const seen: bigint[] = [];
    for await (const message of watched) {
      seen.push(message.overview?.asOf?.seconds ?? 0n);
      if (seen.length === 2) break;
    }
    leaving.abort();
    expect(seen[1]).toBeGreaterThan(seen[0] ?? 0n);
  });

  it("takes feedback once, however often it is sent, and tells other feedback of the same id", async () => {
    const executionId = executionIds[1] ?? "";
    const said = { executionId, feedbackId: "mine", quality: 2, comment: "Too long" };
    expect(await feedback().recordFeedback(said)).toMatchObject({ alreadyRecorded: false });
    expect(await feedback().recordFeedback(said)).toMatchObject({ alreadyRecorded: true });
    const other = await statusOf(feedback().recordFeedback({ ...said, quality: 5 }));
    expect(other.code).toBe(Code.AlreadyExists);
    const unnamed = await feedback().recordFeedback({ executionId, success: false });
    expect(unnamed.feedbackId).not.toBe("");
    expect((await getExecution(executionId)).feedback.length).toBe(2);
  });

  it("keeps feedback on an execution that may be on its way, and knows one that cannot be", async () => {
    const onItsWay = (executionIds[0] ?? "").replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    const kept = await feedback().recordFeedback({ executionId: onItsWay, success: true });
    expect(kept.alreadyRecorded).toBe(false);
    for (const executionId of ["exec-1", "019a0000-0000-7000-8000-000000000000", crypto.randomUUID()]) {
      expect((await statusOf(feedback().recordFeedback({ executionId, success: true }))).code).toBe(
        Code.NotFound,
      );
    }
  });

  describe.each(["grpc", "connect", "grpc-web"] as const)("many pieces of feedback over %s", (door) => {
    const client = () => createClient(FeedbackService, transportTo(service, door));
    const piece = (feedbackId: string, more: object = {}) => ({
      executionId: executionIds[3] ?? "",
      feedbackId: `${door}-${feedbackId}`,
      success: true,
      ...more,
    });

    it("are recorded in a batch, and one that is wrong names itself", async () => {
      const items = [
        piece("one"),
        piece("two", { quality: 6 }),
        piece("one"),
        piece("one", { success: false }),
        piece("three", { executionId: "exec-1" }),
        piece("four"),
      ];
      const { results } = await client().recordFeedbackBatch({ items });
      expect(results.map(({ error }) => error?.refusal)).toEqual([
        undefined,
        FeedbackRefusal.INVALID,
        undefined,
        FeedbackRefusal.ID_REUSED,
        FeedbackRefusal.NOT_FOUND,
        undefined,
      ]);
      expect(results[1]?.error?.message).toBe("quality is 6; it must be a number from 1 to 5");
      expect(results.map(({ alreadyRecorded }) => alreadyRecorded)).toEqual([
        ...[false, false, true, false, false, false],
      ]);
      expect(results[0]?.feedbackId).toBe(`${door}-one`);
      const { feedback: said } = await getExecution(executionIds[3] ?? "");
      expect(said.map(({ feedbackId }) => feedbackId)).toEqual(
        expect.arrayContaining([`${door}-one`, `${door}-four`]),
      );
    });

    it("are refused when there are none or too many", async () => {
      const tooMany = Array.from({ length: 1_001 }, () => piece("x"));
      for (const [items, message] of [
        [[], "items is empty: give one piece of feedback at least"],
        [tooMany, "items has 1001 items; at most 1000 are taken"],
      ] as const) {
        const error = await statusOf(client().recordFeedbackBatch({ items: [...items] }));
        expect([error.code, error.rawMessage]).toEqual([Code.InvalidArgument, message]);
      }
    });

    it.skipIf(door === "grpc-web")("are recorded from a stream, which says what became of them", async () => {
      async function* pieces() {
        for (let index = 0; index < 1_200; index += 1) {
          yield { feedback: piece(`s${index}`, index % 5 === 4 ? { quality: 9 } : {}) };
        }
        yield {};
        yield { feedback: piece("s0") };
      }
      const sum = await client().streamFeedback(pieces());
      expect(sum).toMatchObject({ received: 1_202n, recorded: 960n, alreadyRecorded: 1n, refused: 241n });
      expect(sum.refusals).toHaveLength(100);
      expect(sum.refusals[1]).toMatchObject({
        position: 9n,
        error: { refusal: FeedbackRefusal.INVALID },
      });
    });
  });

  it("keeps what came of a stream whose caller goes away, without waiting for its end", async () => {
    const executionId = executionIds[3] ?? "";
    const leaving = new AbortController();
    async function* pieces() {
      yield { feedback: { executionId, feedbackId: "before leaving", success: true } };
      await new Promise(() => undefined);
    }
    const answer = statusOf(feedback().streamFeedback(pieces(), { signal: leaving.signal }));
    const isKept = async () => {
      const rows = await rowsOf("select 1 from feedback where feedback_id = 'before leaving'");
      return rows.length;
    };
    await expect.poll(isKept, { timeout: 10_000 }).toBe(1);
    leaving.abort();
    expect((await answer).code).toBe(Code.Canceled);
  });

  it.each([
    ["FeedbackService/RecordFeedback", { quality: 6 }, ["executionId", "quality"]],
    ["FeedbackService/RecordFeedback", { executionId: "x", comment: "a\u0000b" }, ["comment"]],
    ["FeedbackService/RecordFeedback", { executionId: "x" }, ["quality"]],
    [
      "AnalyticsService/GetOverview",
      { timeZone: "+05:30", band: { lowestShare: 0.9 } },
      ["timeZone", "band.highestShare"],
    ],
    [
      "AnalyticsService/GetCostTrend",
      {
        granularity: 9,
        groupBy: 9,
        maxSeries: -1,
        window: { start: "2024-01-01T00:00:00Z", end: "2026-01-01T00:00:00Z" },
      },
      ["granularity", "groupBy", "maxSeries", "window.start"],
    ],
    [
      "AnalyticsService/GetProviderPerformance",
      { tier: 7, window: { start: "1969-01-01T00:00:00Z" } },
      ["tier", "window.start"],
    ],
    [
      "AnalyticsService/ListExecutions",
      {
        pageSize: 1000,
        minCostNanoUsd: "-1",
        pageToken: "nonsense",
        status: 9,
        intent: 99,
        agentId: "\u0000",
      },
      ["status", "intent", "minCostNanoUsd", "agentId", "pageToken", "pageSize"],
    ],
    ["AnalyticsService/GetExecution", {}, ["executionId"]],
    ["AnalyticsService/GetExecution", { executionId: "a\u0000b" }, ["executionId"]],
  ])("names every wrong field of %s", async (method, request, fields) => {
    const { status, body } = await asJson(method, request);
    expect(status).toBe(400);
    const named = body.details.flatMap((detail) =>
      (detail.debug?.fieldViolations ?? []).map(({ field }) => field),
    );
    expect(named).toEqual(fields);
  });

  it("stores no word of the caller's, and logs none of what was said", async () => {
    await getExecution(executionIds[4] ?? "");
    const { stdout, stderr } = service.output();
    for (const text of [SECRET, "Short and right", "Too long"]) expect(stdout + stderr).not.toContain(text);
    const rows = await rowsOf(
      "select count(*) filter (where e::text like $1) as with_words, count(*) from orchestration_executions e",
      [`%${SECRET}%`],
    );
    expect(rows).toEqual([{ with_words: "0", count: "5" }]);
  });

  it("ends a stream that watches without an error when the service stops, and does not wait for it", async () => {
    const own = await startService();
    const client = createClient(
      AnalyticsService,
      createGrpcTransport({ baseUrl: `http://${own.grpcAddress}` }),
    );
    const watched = client.watchOverview({ interval: { seconds: 60n } })[Symbol.asyncIterator]();
    expect((await watched.next()).done).toBe(false);
    const since = performance.now();
    const [code, end] = await Promise.all([own.stop(), watched.next()]);
    expect(end.done).toBe(true);
    expect(code).toBe(0);
    expect(performance.now() - since).toBeLessThan(10_000);
  }, 60_000);
});

function sinceYesterday() {
  const seconds = BigInt(Math.floor(Date.now() / 1000));
  return { start: { seconds: seconds - 86_400n }, end: { seconds } };
}
