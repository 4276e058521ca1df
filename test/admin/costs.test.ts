/** The screen of costs in a real browser: what was spent, which targets are not worth it, and what others would have cost. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Browser, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { type OpenPage, openBrowser, openPage, overhang, seriousFaults } from "../support/browser.ts";
import { type RunningService, startService } from "../support/service.ts";
import { sendTraffic } from "./traffic.ts";

let service: RunningService;
let browser: Browser;
beforeAll(async () => {
  [service, browser] = await Promise.all([startService(), openBrowser()]);
  await sendTraffic(service.httpUrl, 3);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

async function seeCosts(options: Parameters<typeof openPage>[2] = {}): Promise<OpenPage> {
  const opened = await openPage(browser, service.httpUrl, options);
  await opened.open("/costs");
  await opened.page.getByRole("heading", { level: 1, name: /this month/ }).waitFor();
  return opened;
}

const amountOf = async (cell: Locator): Promise<number> =>
  Number((await cell.locator("[data-exact]").getAttribute("data-exact"))?.replace("$", ""));

async function boxOf(part: Locator) {
  const box = await part.boundingBox();
  if (box === null) throw new Error("it is not to be seen");
  return box;
}

describe("what if", () => {
  it("shows what another target would have cost beside what was paid, between which bounds and what that assumes, and takes it to the configuration", async () => {
    const opened = await seeCosts();
    const { page } = opened;
    await page.getByLabel("balanced asks first").selectOption("openai/gpt-4o-mini");
    await page.getByRole("button", { name: "Show the cost" }).click();
    await page
      .getByText(
        /The 24 executions of the last 30 days would have cost \$\S+ \(\$\S+ to \$\S+\) instead of \$\S+: \d\S* % less/,
      )
      .waitFor();
    await page.getByText(/it is given the tokens that were used; the interval lets/).waitFor();
    await page
      .getByText(/^Success is not estimated\. \S+ % of the candidate's choices could never/)
      .waitFor();
    await page.getByText("Rated quality is not estimated. Nothing is known of how any").waitFor();
    const balanced = page
      .getByRole("table", { name: "Tiers, recorded and candidate" })
      .getByRole("row", { name: /balanced/ });
    const paid = await amountOf(balanced.locator("[data-label=Cost]"));
    expect(await amountOf(balanced.locator("[data-label='Would cost']"))).toBeLessThan(paid);
    const mini = page
      .getByRole("table", { name: "Targets, recorded and candidate" })
      .getByRole("row", { name: /openai\/gpt-4o-mini 0/ });
    expect(await mini.locator("[data-label=Between]").textContent()).toMatch(/^\$\S+ to \$\S+$/);
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("button", { name: "Take it to Orchestration Config" }).click();
    await page.getByText("unsaved changes").first().waitFor();
    await page.getByText("What they would have cost").click();
    await page.getByText(/executions of the last seven days would have cost/).waitFor();
    await page.getByRole("button", { name: "Discard" }).click();
    expect(opened.complaints).toEqual([]);
    await opened.close();
  });

  it("drops an answer as soon as the question is another, and says when nothing would change", async () => {
    const opened = await seeCosts();
    const { page } = opened;
    const answer = page.getByText(/executions of the last \d+ days would have cost/);
    await page.getByRole("button", { name: "Show the cost" }).click();
    await answer.waitFor();
    await page.getByText("This is what is in force: there is nothing to publish.").waitFor();
    await page.getByLabel("powerful asks first").selectOption("openai/gpt-4o");
    await answer.waitFor({ state: "detached" });
    await page.getByLabel("Period").selectOption({ label: "the last 7 days" });
    await page.waitForURL(/days=7/);
    await page.getByRole("button", { name: "Show the cost" }).click();
    await page.getByText(/executions of the last 7 days would have cost/).waitFor();
    await opened.close();
  });
});

describe("the trend", () => {
  it.each([360, 1280])(
    "has the name of each provider at the end of its bars, in a window of %i px",
    async (width) => {
      const opened = await seeCosts({ viewport: { width, height: 900 } });
      const { page } = opened;
      const bars = await boxOf(page.locator(".timebars svg"));
      const names = page.locator(".timebars .ends li");
      expect(await names.allTextContents()).toEqual([
        expect.stringMatching(/^OpenAI \$0/),
        expect.stringMatching(/^Kimi \$0\.0/),
        expect.stringMatching(/^Anthropic \$0\.0/),
      ]);
      const boxes = await Promise.all((await names.all()).map(boxOf));
      for (const [index, box] of boxes.entries()) {
        expect(box.x).toBeGreaterThan(bars.x + bars.width);
        expect(box.y + box.height).toBeLessThanOrEqual((boxes[index + 1]?.y ?? bars.y + bars.height) + 1);
      }
      expect(await overhang(page)).toBeLessThanOrEqual(0);
      await opened.close();
    },
  );
});

describe("targets that are not worth what they cost", () => {
  it("are called out with the reason, and the version that named them is marked on the axis", async () => {
    const configs = createClient(
      ConfigService,
      createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" }),
    );
    const { config } = await configs.getConfig({});
    const powerful = config?.tiers?.powerful;
    if (config === undefined || powerful === undefined) throw new Error("no configuration");
    powerful.targets = ["gpt-4o", "gpt-4o-mini"].map((model) => ({
      $typeName: "modeltier.v1.ModelTarget",
      provider: "openai",
      model,
    }));
    await configs.publishConfig({ config, basedOn: 0n, comment: "to try" });

    const opened = await seeCosts();
    const { page } = opened;
    const called = page.getByRole("table", { name: "Retired and dominated targets" });
    await called
      .getByRole("row", { name: /^powerful openai\/gpt-4o ! dominated .*ask openai\/gpt-4o-mini first$/ })
      .waitFor();
    await called.getByRole("row", { name: /^fast anthropic\/claude-3-haiku-20240307 ✕ retired/ }).waitFor();
    expect(await page.locator(".timebars .marks").textContent()).toBe("v1");
    await page.getByLabel("Begin with").selectOption({ label: "the preset and the environment" });
    await page.getByRole("button", { name: "Show the cost" }).click();
    await page.getByText(/executions of the last 30 days would have cost/).waitFor();
    await opened.close();
  });
});

describe("a lost connection", () => {
  it("leaves the numbers where they were, and says how old they are", async () => {
    const own = await startService();
    const opened = await openPage(browser, own.httpUrl);
    const { page } = opened;
    await sendTraffic(own.httpUrl, 1);
    await opened.open("/executions");
    await page.getByRole("heading", { level: 1, name: /The 8 newest/ }).waitFor();
    await own.stop();
    await page.getByText("The service cannot be reached.").first().waitFor({ timeout: 30_000 });
    await page.getByText(/What follows was read/).waitFor();
    expect(await page.locator("tbody tr").count()).toBe(8);
    await opened.close();
  }, 60_000);
});
