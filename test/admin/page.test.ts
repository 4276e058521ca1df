/** The admin page in a real browser, on a real service with traffic from the sandbox. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenPage, openBrowser, openPage, overhang, seriousFaults } from "../support/browser.ts";
import { type RunningService, startService } from "../support/service.ts";
import { sendTraffic } from "./traffic.ts";

const TOKEN = "let-me-in-1234567890";
/** Each screen, and words that only its data brings. */
const SCREENS = [
  ["/", /calls on Kimi \(target 60–70 %\); \$0\.\d+ today/],
  ["/config", /preset classic is running/],
  ["/experiments", /There has been no experiment yet/],
  ["/start-experiment", /Is another configuration no worse, and cheaper/],
  ["/executions", /The \d+ newest/],
  ["/costs", /\$0\.\d+ this month/],
  ["/playground", /It would ask kimi\//],
  ["/budgets", /No budget is set|something left/],
] as const;

let service: RunningService;
let browser: Browser;
beforeAll(async () => {
  [service, browser] = await Promise.all([
    startService({ env: { MODELTIER_ADMIN_TOKEN: TOKEN } }),
    openBrowser(),
  ]);
  await sendTraffic(service.httpUrl, 4);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

async function enter(options: Parameters<typeof openPage>[2] = {}): Promise<OpenPage> {
  const opened = await openPage(browser, service.httpUrl, options);
  await opened.signIn(TOKEN);
  return opened;
}

async function seeData({ page, open }: OpenPage, path: string, words: RegExp): Promise<void> {
  await open(path);
  await page.getByRole("heading", { level: 1, name: words }).waitFor();
}

async function openNewest({ page, open }: OpenPage): Promise<void> {
  await seeData({ page, open } as OpenPage, "/executions", /newest/);
  await page.locator("tbody a").first().click();
  await page.getByRole("heading", { name: "What happened" }).waitFor();
}

describe("the files of the page", () => {
  it("come under a policy that lets nothing in from elsewhere, and are kept only where their name tells their content", async () => {
    const document = await fetch(`${service.httpUrl}/admin/executions?agent=x`);
    const text = await document.text();
    const [, script] = /src="(\/admin\/assets\/[^"]+\.js)"/.exec(text) ?? [];
    const asset = await fetch(`${service.httpUrl}${script}`);
    expect(document.headers.get("content-security-policy")).toContain(
      "default-src 'none'; script-src 'self'",
    );
    expect(document.headers.get("content-security-policy")).toContain("require-trusted-types-for 'script'");
    expect(document.headers.get("x-content-type-options")).toBe("nosniff");
    expect(document.headers.get("cache-control")).toBe("no-store");
    expect(asset.headers.get("cache-control")).toContain("immutable");
    expect(text).not.toMatch(/<script(?![^>]*src=)|<style|style=/);
  });

  it("come to less than 300 KB of script, as they are sent", async () => {
    const text = await (await fetch(`${service.httpUrl}/admin`)).text();
    const scripts = [...text.matchAll(/(?:src|href)="([^"]+\.js)"/g)].map(([, path]) => path);
    const sent = await Promise.all(
      scripts.map(async (path) =>
        Number((await fetch(service.httpUrl + path)).headers.get("content-length")),
      ),
    );
    expect(sent.every((bytes) => bytes > 0)).toBe(true);
    expect(sent.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(300 * 1024);
  });

  it("are these and no others of the disk", async () => {
    const found = await fetch(`${service.httpUrl}/admin/assets/..%2f..%2fpage.ts`);
    expect(found.status).toBe(404);
  });
});

describe("signing in", () => {
  it("says in words that a token is wrong, takes the right one, keeps it over a reload and forgets it when told to", async () => {
    const { page, open, close } = await openPage(browser, service.httpUrl);
    await open("");
    await page.getByLabel("Admin token").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("does not accept this key").waitFor();
    await page.getByLabel("Admin token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1, name: /today/ }).waitFor();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: /today/ }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Admin token").waitFor();
    await close();
  });
});

describe("a service without a token", () => {
  it("is open to all who reach it, and the page says so; an open page does not hold up its end, and keeps what it shows", async () => {
    const open = await startService();
    const { page, ...opened } = await openPage(browser, open.httpUrl);
    await opened.open("/");
    await page.getByText("This page is open to everyone who reaches this port.").waitFor();
    await page.getByText("No calls in the last 24 hours.").waitFor();
    expect(opened.complaints).toEqual([]);
    const stoppedAt = performance.now();
    await open.stop();
    expect(performance.now() - stoppedAt, "ms to stop with the page open").toBeLessThan(10_000);
    await page.getByText("The service cannot be reached.").first().waitFor();
    await page.getByRole("heading", { level: 1, name: /no calls in the last 24 hours/ }).waitFor();
    await opened.close();
  });
});

describe("the screens", () => {
  it.each(["light", "dark"] as const)(
    "show data, break no policy and have no serious fault in %s",
    async (colorScheme) => {
      const opened = await enter({ colorScheme });
      const faults: string[] = [];
      for (const [path, words] of SCREENS) {
        await seeData(opened, path, words);
        faults.push(...(await seriousFaults(opened.page)));
      }
      await openNewest(opened);
      faults.push(...(await seriousFaults(opened.page)));
      expect(faults).toEqual([]);
      expect(opened.complaints).toEqual([]);
      await opened.close();
    },
    120_000,
  );

  it("are looked at by a checker that sees a button without a name", async () => {
    const opened = await enter();
    await seeData(opened, "/budgets", /No budget is set/);
    await opened.page.evaluate("document.querySelector('main').append(document.createElement('button'))");
    expect(await seriousFaults(opened.page)).toEqual([expect.stringMatching(/^button-name: /)]);
    await opened.close();
  });

  it.each([360, 2560])(
    "scroll nothing sideways in a window of %i px",
    async (width) => {
      const opened = await enter({ viewport: { width, height: 800 } });
      const wide: string[] = [];
      for (const [path, words] of SCREENS) {
        await seeData(opened, path, words);
        if ((await overhang(opened.page)) > 0) wide.push(path);
      }
      await openNewest(opened);
      if ((await overhang(opened.page)) > 0) wide.push("an execution");
      expect(wide).toEqual([]);
      await opened.close();
    },
    120_000,
  );

  it("are reached by keys: the skip link first, then g and a letter, / to search, Esc to leave", async () => {
    const opened = await enter();
    const { page } = opened;
    await seeData(opened, "/", /today/);
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").textContent()).toBe("Skip to the content");
    await page.keyboard.press("g");
    await page.keyboard.press("e");
    await page.getByRole("heading", { level: 1, name: /newest/ }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("planner");
    await page.waitForURL(/agent=planner/);
    await page.keyboard.press("Escape");
    await page.locator("tbody a").first().click();
    await page.getByRole("heading", { name: "Why it went there" }).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForURL(/executions\?agent=planner$/);
    expect(await page.getByLabel("Agent", { exact: true }).inputValue(), "the filter, once back").toBe(
      "planner",
    );
    await page.getByText("Filters: 1 set").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("m");
    await page.getByRole("heading", { level: 1, name: /this month/ }).waitFor();
    expect(await page.locator(":focus").getAttribute("id"), "where one reads on").toBe("content");
    await opened.close();
  });
});

describe("the executions", () => {
  it("say of an agent that was not named that it is unnamed, and offer no list of its own", async () => {
    const response = await fetch(`${service.httpUrl}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: "Say hello" }] }),
    });
    expect(response.status).toBe(200);
    await response.text();
    const opened = await enter();
    const { page } = opened;
    await seeData(opened, "/executions", /newest/);
    const row = page.getByRole("row").filter({ has: page.getByRole("cell", { name: "unnamed" }) });
    await row.first().waitFor();
    await row.first().getByRole("link").first().click();
    await page.getByRole("heading", { name: "What happened" }).waitFor();
    const agent = page.locator("dt", { hasText: /^Agent$/ }).locator("+ dd");
    expect(await agent.textContent()).toBe("unnamed");
    expect(await agent.getByRole("link").count()).toBe(0);
    await opened.close();
  });

  it("are those that cost at least what one types, and a text that is no amount is said to be none", async () => {
    const opened = await enter();
    const { page } = opened;
    await seeData(opened, "/executions", /newest/);
    const minimum = page.getByLabel("Cost at least, in USD");
    await minimum.pressSequentially("0.001");
    await page.waitForURL(/min=0\.001/);
    await page.getByRole("heading", { level: 1, name: /that match/ }).waitFor();
    const costs = page.locator("td[data-label=Cost] [data-exact]");
    await expect
      .poll(async () =>
        (
          await costs.evaluateAll((all) => all.map((one) => Number(one.getAttribute("data-exact")?.slice(1))))
        ).every((usd) => usd >= 0.001),
      )
      .toBe(true);
    expect(await costs.count()).toBeGreaterThan(0);
    await minimum.fill("a lot");
    await page.getByText("This is no amount: write 0.001").waitFor();
    expect(await minimum.getAttribute("aria-invalid")).toBe("true");
    expect(await seriousFaults(page)).toEqual([]);
    await opened.close();
  });
});

describe("one execution", () => {
  it("has contributions that add up to its score, and cost lines that add up to its cost", async () => {
    const opened = await enter();
    const { page } = opened;
    await openNewest(opened);
    const caption = await page.locator("figcaption", { hasText: "The score is" }).textContent();
    const [, score] = /The score is ([\d.]+) of 10/.exec(caption ?? "") ?? [];
    const [, sum] = /together ([\d.]+)\./.exec(caption ?? "") ?? [];
    expect(sum).toBe(score);
    const exact = (text: string | null) => Math.round(Number(text?.replace("$", "")) * 1e9);
    const total = await page.locator("h2 [data-exact]").first().getAttribute("data-exact");
    const lines = await page.locator("table td[data-label=Cost] [data-exact]").evaluateAll((cells) =>
      cells.map((cell) => ({
        exact: cell.getAttribute("data-exact"),
        caption: cell.closest("table")?.caption?.textContent,
      })),
    );
    const billed = lines.filter(({ caption: of }) => of === "Cost lines");
    expect(billed.length).toBeGreaterThan(1);
    expect(billed.reduce((all, { exact: cost }) => all + exact(cost), 0)).toBe(exact(total));
    await opened.close();
  });
});

describe("the last failure of a provider", () => {
  it("comes with what helps, and leads to its execution, which shows who was asked, what failed and who answered instead", async () => {
    const opened = await enter();
    const { page } = opened;
    const openai = page.locator("[data-provider=openai]");
    await openai.getByText("It is asked again by itself. If it lasts, ask another target first").waitFor();
    await openai.getByRole("link", { name: "Open it" }).click();
    const attempts = page.getByRole("img", {
      name: /Attempt 1 asked openai\/gpt-4o-mini!503 at .*server error/,
    });
    await attempts.waitFor();
    expect(await attempts.getAttribute("aria-label")).toMatch(/Attempt 2 asked .* ok\.$/);
    await page.getByRole("group").getByText("Attempts as a table").click();
    await page.getByRole("cell", { name: "fallback" }).waitFor();
    await opened.close();
  });
});

describe("the playground", () => {
  it("changes its decision as one types, and shows the events of an answer", async () => {
    const opened = await enter();
    const { page } = opened;
    await seeData(opened, "/playground", /It would ask kimi\/.*balanced/);
    await page.getByLabel("Agent's score").fill("10");
    await page.getByLabel("Intent").selectOption({ label: "llm decision" });
    await page.getByRole("heading", { level: 1, name: /It would ask anthropic\/.*powerful/ }).waitFor();
    await page.getByRole("button", { name: "Complete" }).click();
    await page.getByRole("link", { name: "Open the execution" }).waitFor();
    const events = await page.getByRole("list", { name: "Events" }).textContent();
    expect(events).toMatch(/decided: powerful.*attempt 1 asks anthropic.*text, \d+ pieces.*completed/);
    await opened.close();
  });
});

describe("budgets", () => {
  it("are set, shown with what is left, and deleted only when one says so twice", async () => {
    const opened = await enter();
    const { page } = opened;
    await seeData(opened, "/budgets", /No budget is set/);
    await page.getByLabel("Name").fill("sales-day");
    await page.getByLabel("Whose calls").selectOption("label");
    await page.getByLabel("Label, as key=value").fill("team=sales");
    await page.getByLabel("Money, in USD").fill("0.15");
    await page.getByRole("button", { name: "Set the budget" }).click();
    await page.getByRole("cell", { name: /of \$0\.150, / }).waitFor();
    await page.getByRole("button", { name: "Delete sales-day" }).click();
    await page.getByRole("button", { name: "Delete it" }).click();
    await page.getByRole("heading", { level: 1, name: /No budget is set/ }).waitFor();
    await page.getByLabel("Whose calls").selectOption("key");
    await page.getByLabel("Id of the key").fill("0123456789abcdef");
    await page.getByRole("button", { name: "Set the budget" }).click();
    const problem = await page.getByRole("alert").textContent();
    expect(problem).toMatch(/key_?id is the id of no key.*the list of keys/i);
    await opened.close();
  });
});
