/** The calibrated scorer from end to end: in the shadow, then deciding, explained on the page, and rolled back. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import OpenAI from "openai";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import type { BacktestReport } from "../../gen/modeltier/v1/backtest_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { RoutingConfig } from "../../gen/modeltier/v1/routing_config_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { openBrowser, openPage, overhang, seriousFaults } from "../support/browser.ts";
import { type RunningService, startService } from "../support/service.ts";

const HARD =
  "A tank fills at 12 litres a minute and leaks 3/4 of a litre each minute once it is half full. If it holds 900 litres, after how many " +
  "minutes is it full? Explain each step, and prove that the answer does not depend on when the leak was found.";

let service: RunningService;
let browser: Browser;

const grpc = () => createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` });
const configs = () =>
  createClient(ConfigService, createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" }));
const analytics = () => createClient(AnalyticsService, grpc());

/** @returns the new version */
async function publish(change: (config: RoutingConfig) => void): Promise<bigint> {
  const { config, version } = await configs().getConfig({});
  if (config === undefined) throw new Error("no configuration");
  change(config);
  const published = await configs().publishConfig({
    config,
    basedOn: version?.version ?? 0n,
    comment: "to try",
  });
  return published.version?.version ?? 0n;
}

async function route(prompt: string) {
  const { decision } = await createClient(RouterService, grpc()).route({
    agentId: "planner",
    step: { prompt },
    agentAis: { combinedScore: 5 },
  });
  if (decision === undefined) throw new Error("nothing was decided");
  return decision;
}

/** Asks over the door that an OpenAI SDK uses, with a tool. @returns the execution's id */
async function ask(content: string): Promise<string> {
  const client = new OpenAI({ baseURL: `${service.httpUrl}/v1`, apiKey: "none", maxRetries: 0 });
  const { response } = await client.chat.completions
    .create({ model: "auto", messages: [{ role: "user", content: `${content} [tokens=3]` }] })
    .withResponse();
  return response.headers.get("x-modeltier-execution-id") ?? "";
}

const decisionKept = async (executionId: string) =>
  expect
    .poll(
      () =>
        analytics()
          .getExecution({ executionId })
          .then(
            ({ decision }) => decision,
            () => undefined,
          ),
      { timeout: 10_000 },
    )
    .toBeDefined()
    .then(() => analytics().getExecution({ executionId }))
    .then(({ decision }) => decision);

beforeAll(async () => {
  [service, browser] = await Promise.all([startService(), openBrowser()]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

describe("the calibrated scorer", () => {
  it("looks on in the shadow, decides when a version says so, recalibrates, and is rolled back in one call", async () => {
    const before = await route(HARD);
    expect(before.calibrated).toBeUndefined();
    expect(before.expectedSuccess, "nothing that could tell has looked").toBeUndefined();

    const shadowed = await publish((config) => {
      config.shadowScorer = "calibrated";
    });
    await expect.poll(async () => (await route(HARD)).shadow?.scorer, { timeout: 10_000 }).toBe("calibrated");
    const watched = await route(HARD);
    expect(watched).toMatchObject({ tier: before.tier, effectiveScore: before.effectiveScore });
    expect(watched.shadow?.stepScore).toBe(watched.calibrated?.score);
    const { difficulty = 0, benefit = 0 } = watched.calibrated ?? {};
    const helped = { [Tier.FAST]: 0, [Tier.BALANCED]: benefit / 2, [Tier.POWERFUL]: benefit };
    expect(watched.expectedSuccess).toBeCloseTo(1 - difficulty + (helped[watched.tier as Tier.FAST] ?? 0));

    await publish((config) => {
      config.scorer = "calibrated";
      config.shadowScorer = "";
    });
    await expect.poll(async () => (await route(HARD)).scorer?.name, { timeout: 10_000 }).toBe("calibrated");
    const decided = await route(HARD);
    expect(decided.stepScore).toBe(watched.shadow?.stepScore);
    expect(decided.effectiveScore).toBe(watched.shadow?.effectiveScore);

    await publish((config) => {
      config.calibration = {
        $typeName: "modeltier.v1.ScorerCalibration",
        fastShare: 0.9,
        powerfulShare: 0.05,
      };
    });
    await expect
      .poll(async () => (await route(HARD)).stepScore, { timeout: 10_000 })
      .toBeLessThan(decided.stepScore ?? 0);

    await configs().rollbackConfig({ version: shadowed });
    await expect
      .poll(async () => (await route(HARD)).effectiveScore, { timeout: 10_000 })
      .toBe(before.effectiveScore);
  });

  it("refuses marks and scorers that make no sense, by their names", async () => {
    const refusal = (change: (config: RoutingConfig) => void) => publish(change).then(String, String);
    expect(
      await refusal((config) => {
        config.scorer = "other";
      }),
    ).toContain("config.scorer must be classic or calibrated");
    expect(
      await refusal((config) => {
        config.shadowScorer = config.scorer;
      }),
    ).toContain("config.shadow_scorer must not be");
    expect(
      await refusal((config) => {
        config.calibration = {
          $typeName: "modeltier.v1.ScorerCalibration",
          fastShare: 0.8,
          powerfulShare: 0.3,
        };
      }),
    ).toContain("config.calibration");
  });

  it("says what switching would cost, from what it saw in the shadow", async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => ask(HARD)));
    for (const id of ids) expect((await decisionKept(id))?.shadow?.scorer).toBe("calibrated");
    const { config } = await configs().getConfig({});
    if (config === undefined) throw new Error("no configuration");
    const candidate = { ...config, scorer: "calibrated", shadowScorer: "" };
    const reports: BacktestReport[] = [];
    for await (const { event } of configs().backtestConfig({ config: candidate })) {
      if (event.case === "report") reports.push(event.value);
    }
    const [report] = reports;
    expect(report?.executions).toBe(BigInt(ids.length));
    expect(report?.withoutInputs).toBe(0n);
    expect(report?.candidate?.cost?.costNanoUsd).toBeGreaterThan(0n);
  });
});

describe("the list of executions", () => {
  it("shows those where the scorer in the shadow would have picked another tier", async () => {
    const agreed = await ask(HARD);
    const { completed } = await createClient(RouterService, grpc()).completeOnce({
      request: {
        routing: { case: "route", value: { agentId: "torn", agentAis: { combinedScore: 2.5 } } },
        messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: `${HARD} [tokens=3]` } }] }],
      },
    });
    const torn = completed?.executionId ?? "";
    for (const id of [agreed, torn]) await decisionKept(id);
    const { executions } = await analytics().listExecutions({ shadowDiffers: true });
    expect(executions.map(({ executionId }) => executionId)).toEqual([torn]);
    const opened = await openPage(browser, service.httpUrl);
    await opened.open("/executions");
    await opened.page.getByLabel("Scorer in the shadow").selectOption("picks another tier");
    await opened.page.getByRole("heading", { level: 1, name: /^The 1 that match/ }).waitFor();
    await opened.page.getByRole("cell", { name: "torn" }).waitFor();
    await opened.close();
  });
});

describe("a decision's page", () => {
  it("says what the calibrated score is made of, in words, and how the two scorers disagree", async () => {
    const executionId = await ask(HARD);
    await decisionKept(executionId);
    const opened = await openPage(browser, service.httpUrl);
    const { page } = opened;
    await opened.open(`/executions/${executionId}`);
    const made = page.getByRole("table", { name: "In the shadow: the calibrated score" });
    await made.getByRole("row", { name: /^a usual request \d/ }).waitFor();
    const cells = await made.locator("tbody tr td:last-child").allTextContents();
    const [total, ...parts] = cells.map((text) => Number(text.replace("−", "-"))).toReversed();
    expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(total ?? -1, 1);
    await page
      .getByText(/^By calibrated it would have come to \d\.\d\d in place of \d\.\d\d: \w+\.$/)
      .waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
    expect(opened.complaints).toEqual([]);
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await overhang(page)).toBeLessThanOrEqual(0);
    await opened.close();
  });
});
