/** Agents' scores from end to end: learned of calls and of what was said of them, counted by Route, and shown in a real browser. */
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { AgentScoreConfigSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { Intent, Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { openBrowser, openPage, overhang, seriousFaults } from "../support/browser.ts";
import { type RunningService, startService } from "../support/service.ts";

const CALLS = 20;

let service: RunningService;
let browser: Browser;

const grpc = () => createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` });
const analytics = () => createClient(AnalyticsService, grpc());

async function route(agentId: string, more: object = {}) {
  const { decision } = await createClient(RouterService, grpc()).route({
    agentId,
    intent: Intent.GENERATE,
    agentAis: { combinedScore: 5 },
    ...more,
  });
  if (decision === undefined) throw new Error("nothing was decided");
  return decision;
}

async function complete(agentId: string, tier: Tier): Promise<string> {
  const { completed } = await createClient(RouterService, grpc()).completeOnce({
    request: {
      routing: {
        case: "route",
        value: { agentId, intent: Intent.GENERATE, agentAis: { combinedScore: 5 }, constraints: { tier } },
      },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Hello [tokens=3]" } }] }],
    },
  });
  return completed?.executionId ?? "";
}

/** Calls an agent on fast and on powerful, and says how good the answers were. */
async function work(agentId: string, qualities: Readonly<Record<"fast" | "powerful", number>>) {
  const feedback = createClient(FeedbackService, grpc());
  for (const [name, tier] of [
    ["fast", Tier.FAST],
    ["powerful", Tier.POWERFUL],
  ] as const) {
    const ids = await Promise.all(Array.from({ length: CALLS }, () => complete(agentId, tier)));
    const items = ids.map((executionId) => ({ executionId, feedbackId: "graded", quality: qualities[name] }));
    const { results } = await feedback.recordFeedbackBatch({ items });
    expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
  }
}

async function publish(): Promise<void> {
  const configs = createClient(
    ConfigService,
    createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" }),
  );
  const { config } = await configs.getConfig({});
  if (config === undefined) throw new Error("no configuration");
  const agentScore = create(AgentScoreConfigSchema, {
    learn: true,
    serve: true,
    byIntent: true,
    halfLife: { seconds: 30n * 86_400n },
    feedbackWait: { seconds: 2n },
  });
  await configs.publishConfig({ config: { ...config, agentScore }, basedOn: 0n, comment: "to try" });
}

const evidenceOf = async (agentId: string, tier: Tier): Promise<number> => {
  const { learned } = await analytics().getAgentScore({ agentId });
  return learned?.tiers.find((one) => one.tier === tier)?.evidence ?? -1;
};

beforeAll(async () => {
  [service, browser] = await Promise.all([startService(), openBrowser()]);
  const before = await route("planner");
  expect(before).toMatchObject({ tier: Tier.BALANCED, effectiveScore: 5 });
  expect(before.learned).toBeUndefined();
  await publish();
  await Promise.all([
    work("planner", { fast: 1, powerful: 5 }),
    work("invoice-reader", { fast: 5, powerful: 5 }),
  ]);
  for (const agentId of ["planner", "invoice-reader"]) {
    await vi.waitFor(async () => expect(Math.round(await evidenceOf(agentId, Tier.POWERFUL))).toBe(CALLS), {
      timeout: 30_000,
      interval: 100,
    });
  }
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

describe("what was learned of an agent", () => {
  it("picks the tier, and the decision says what it rests on and what moved it", async () => {
    await expect.poll(async () => (await route("planner")).tier, { timeout: 10_000 }).toBe(Tier.POWERFUL);
    await expect.poll(async () => (await route("invoice-reader")).tier, { timeout: 10_000 }).toBe(Tier.FAST);
    const decision = await route("planner");
    expect(decision.agentScore).toBe(5);
    expect(decision.reason).toMatch(
      /= 5, \+0 as stated, \+[\d.]+ by some 40 outcomes of this agent.*: powerful/,
    );
    const { moved, tiers } = decision.learned ?? {};
    const sum = 5 + (moved?.stated ?? 0) + (moved?.agentEvidence ?? 0) + (moved?.intentEvidence ?? 0);
    expect(sum).toBeGreaterThan(6.5);
    expect(tiers?.map(({ tier, evidence }) => [tier, Math.round(evidence)])).toEqual([
      [Tier.FAST, CALLS],
      [Tier.BALANCED, 0],
      [Tier.POWERFUL, CALLS],
    ]);
    expect(tiers?.[0]?.quality).toBeLessThan(tiers?.[2]?.quality ?? 0);
    expect(decision.expectedSuccess).toBe(tiers?.[2]?.quality);
    expect((await route("invoice-reader")).expectedSuccess).toBeGreaterThan(0.5);
    const untried = await route("planner", { constraints: { tier: Tier.BALANCED } });
    expect(untried.expectedSuccess, "no outcome on that tier").toBeUndefined();
  });

  it("is kept with the executions that it decided", async () => {
    const executionId = await complete("planner", Tier.UNSPECIFIED);
    const kept = async () => {
      const { decision } = await analytics().getExecution({ executionId });
      return decision?.learned?.moved?.agentEvidence ?? 0;
    };
    await expect.poll(() => kept().catch(() => -1), { timeout: 10_000 }).toBeGreaterThan(0);
    const opened = await openPage(browser, service.httpUrl);
    await opened.open(`/executions/${executionId}`);
    await opened.page.getByText(/\d %\s+in powerful, by this agent's outcomes/).waitFor();
    await opened.close();
  });

  it("says of an agent that nobody knows what its caller would have to state", async () => {
    const unknown = await analytics().getAgentScore({ agentId: "nobody" });
    expect(unknown).toMatchObject({ learns: true, serves: true, score: 5, statedScore: 5, intents: [] });
    expect(unknown.learnedAt).toBeUndefined();
  });
});

describe("an agent's page", () => {
  it("says its score, its evidence by tier and what moved it, and is reached from the costs", async () => {
    const opened = await openPage(browser, service.httpUrl);
    const { page } = opened;
    await opened.open("/costs");
    await page.getByRole("link", { name: "score of planner" }).click();
    await page
      .getByRole("heading", { level: 1, name: /^planner is \d\.\d\d of 10 as learned: powerful\.$/ })
      .waitFor();
    await page.getByText("This score picks the tier of its calls").waitFor();
    const evidence = page.getByRole("table", { name: "Evidence by tier" });
    expect(await evidence.getByRole("row", { name: /^fast/ }).textContent()).toMatch(/^fast20/);
    expect(await evidence.getByRole("row", { name: /^balanced/ }).textContent()).toMatch(/^balanced0/);
    const moved = page.getByRole("table", { name: "What moved the score" });
    expect(await moved.getByRole("row", { name: /^its outcomes \+/ }).count()).toBe(1);
    const steps = page.getByRole("table", { name: "Scores by step" }).locator("tbody tr");
    expect(await steps.count()).toBe(5);
    await page
      .getByRole("table", { name: "Scores by kind of step" })
      .getByRole("row", { name: /^generate 4\d / })
      .waitFor();
    await page.getByRole("table", { name: "Its last calls" }).getByText("5 of 5").first().waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
    expect(opened.complaints).toEqual([]);
    await opened.close();
  });

  it("fits a narrow window", async () => {
    const opened = await openPage(browser, service.httpUrl, { viewport: { width: 360, height: 800 } });
    await opened.open("/agents/planner");
    await opened.page.getByRole("table", { name: "Evidence by tier" }).waitFor();
    expect(await overhang(opened.page)).toBeLessThanOrEqual(0);
    if (process.env.SCREENSHOT)
      await opened.page.screenshot({ path: `${process.env.SCREENSHOT}.narrow.png`, fullPage: true });
    await opened.close();
  });
});
