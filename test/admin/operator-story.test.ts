/** What an operator does when Kimi is down: with the page of one replica, and another replica that has to follow. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Intent, type RoutingDecision } from "../../gen/modeltier/v1/routing_pb.js";
import { type OpenPage, openBrowser, openPage, seriousFaults } from "../support/browser.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { sendTraffic } from "./traffic.ts";

const TOKEN = "let-me-in-1234567890";
/** What another replica may take to route by what was published. */
const FOLLOWS_WITHIN_MS = 250;

let postgres: TestPostgres;
let browser: Browser;
let here: RunningService;
let there: RunningService;
beforeAll(async () => {
  [postgres, browser] = await Promise.all([startPostgres(), openBrowser()]);
  const env = { DATABASE_URL: await postgres.createDatabase(), MODELTIER_ADMIN_TOKEN: TOKEN };
  here = await startService({ env });
  there = await startService({ env });
  await sendTraffic(here.httpUrl, 2);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await Promise.all([here?.stop(), there?.stop()]);
  await postgres?.stop();
});

const over = ({ httpUrl }: RunningService) =>
  createConnectTransport({ baseUrl: httpUrl, httpVersion: "1.1" });

async function routeBalanced(service: RunningService): Promise<RoutingDecision> {
  const { decision } = await createClient(RouterService, over(service)).route({
    agentId: "support-reply",
    intent: Intent.SUMMARIZE,
    agentAis: { combinedScore: 5 },
  });
  if (decision === undefined) throw new Error("a route without a decision");
  return decision;
}

/** Asks until the version decides, and says when it first did. */
async function untilVersion(service: RunningService, version: bigint): Promise<number> {
  while ((await routeBalanced(service)).configVersion !== version);
  return performance.now();
}

const breakKimi = (service: RunningService): Promise<Response> =>
  fetch(`${service.sandboxUrl}/control/faults`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ provider: "kimi", faults: [{ fault: "503", times: 1000 }] }),
  });

async function confirm(page: Page, why: string, action: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/executions of the last seven days would have cost/).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByLabel("Why (required)").fill(why);
  await dialog.getByRole("button", { name: action, exact: true }).click();
}

async function enter(): Promise<OpenPage> {
  const opened = await openPage(browser, here.httpUrl);
  await opened.signIn(TOKEN);
  return opened;
}

describe("an operator", () => {
  it("sees Kimi down, moves balanced to OpenAI after reading what it would have cost, and goes back", async () => {
    const opened = await enter();
    const { page } = opened;
    expect((await breakKimi(here)).ok).toBe(true);
    await sendTraffic(here.httpUrl, 3);
    await page
      .getByRole("heading", { level: 1, name: /Kimi is left alone: kimi-k2-0905-preview failed/ })
      .waitFor();

    await page.keyboard.press("g");
    await page.keyboard.press("c");
    await page.getByRole("button", { name: "Move openai/gpt-4o-mini up in balanced" }).press("Enter");
    await page.getByRole("button", { name: "Review and publish" }).click();
    await page.getByRole("cell", { name: "tiers.balanced.targets[0].model" }).last().waitFor();
    const followed = untilVersion(there, 1n);
    const answered = page.waitForResponse(/PublishConfig/).then(() => performance.now());
    await confirm(page, "Kimi is down", "Publish");
    await page.getByText("✓ Published v1").waitFor();
    expect(await page.locator(":focus").getAttribute("aria-label"), "the way back is at hand").toBe(
      "Published",
    );
    expect((await followed) - (await answered)).toBeLessThan(FOLLOWS_WITHIN_MS);
    expect(await routeBalanced(there)).toMatchObject({
      provider: "openai",
      model: "gpt-4o-mini",
      configVersion: 1n,
    });

    await page.getByRole("button", { name: "Roll back", exact: true }).click();
    await confirm(page, "Kimi is back", "Roll back");
    await page.getByRole("cell", { name: "v2 (in force)" }).waitFor();
    await untilVersion(there, 2n);
    expect(await routeBalanced(there)).toMatchObject({ provider: "kimi", configVersion: 2n });
    expect(opened.complaints).toEqual([]);
    await opened.close();
  }, 120_000);

  it("is told while typing what cannot be published, and cannot publish it", async () => {
    const opened = await enter();
    const { page } = opened;
    await opened.open("/config");
    await page.getByLabel("Balanced from", { exact: true }).fill("9");
    await page
      .getByText(/balanced must not begin \(9\)/)
      .first()
      .waitFor();
    expect(await page.getByRole("button", { name: "Review and publish" }).isDisabled()).toBe(true);
    await page.getByRole("link", { name: "Budgets" }).click();
    await page.getByRole("link", { name: "Orchestration Config" }).click();
    expect(await page.getByLabel("Balanced from", { exact: true }).inputValue(), "after another screen").toBe(
      "9",
    );
    await page.getByRole("button", { name: "Discard" }).click();
    expect(await page.getByLabel("Balanced from", { exact: true }).inputValue()).toBe("3");
    await opened.close();
  });

  it("is told beside the rules what would have no effect", async () => {
    const opened = await enter();
    const { page } = opened;
    await opened.open("/config");
    await page.getByLabel("Retired models").selectOption({ label: "skip" });
    await page.getByText(/retired_?models: has no effect while the sandbox answers/i).waitFor();
    await page.getByRole("button", { name: "Discard" }).click();
    await opened.close();
  });

  it("learns who published in between, and what, before anything is overwritten", async () => {
    const opened = await enter();
    const { page } = opened;
    await opened.open("/config");
    await page.getByLabel("Balanced up to").fill("6");
    const configs = createClient(ConfigService, over(there));
    const { config, version } = await configs.getConfig({});
    if (config === undefined || version === undefined) throw new Error("no configuration");
    const headers = { authorization: `Bearer ${TOKEN}` };
    await configs.publishConfig(
      { config: { ...config, failureLimit: 4 }, basedOn: version.version, author: "a colleague" },
      { headers },
    );
    await page.getByRole("button", { name: "Review and publish" }).click();
    await confirm(page, "fewer in powerful", "Publish");
    const alert = page.getByRole("dialog").getByRole("alert");
    await alert.getByText(/a colleague published v3 while you edited/).waitFor();
    await alert.getByRole("cell", { name: "failure_limit" }).last().waitFor();
    await alert.getByRole("button", { name: "Drop my changes" }).click();
    await page.getByRole("heading", { level: 1, name: /v3 is running, by a colleague/ }).waitFor();
    expect(await page.getByLabel("Failure limit").inputValue()).toBe("4");
    await opened.close();
  }, 120_000);
});
