/** X16 and X18: what a page of another site can have a real browser do to a service that asks nobody for a key. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessOf } from "../support/access.ts";
import { openBrowser } from "../support/browser.ts";
import { type RunningService, startService } from "../support/service.ts";

let service: RunningService;
let browser: Browser;
let elsewhere: Server;
let port: number;

beforeAll(async () => {
  elsewhere = createServer((_, response) =>
    response.setHeader("content-type", "text/html").end("<h1>Elsewhere</h1>"),
  );
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  port = (elsewhere.address() as AddressInfo).port;
  [service, browser] = await Promise.all([
    startService(),
    openBrowser(["--host-resolver-rules=MAP *.example 127.0.0.1"]),
  ]);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
  elsewhere?.close();
});

const SET_BUDGET = "/modeltier.v1.AccessService/SetBudget";
const BUDGET = JSON.stringify({
  budget: { budgetId: "foreign", scope: { global: {} }, period: "BUDGET_PERIOD_TOTAL", limitTokens: "0" },
});

/** A page at an address, and the statuses of what it asked of the service. */
async function pageAt(address: string): Promise<Readonly<{ page: Page; statuses: number[] }>> {
  const page = await (await browser.newContext()).newPage();
  const statuses: number[] = [];
  page.on("response", (response) => {
    if (new URL(response.url()).port === new URL(service.httpUrl).port) statuses.push(response.status());
  });
  await page.goto(address);
  return { page, statuses };
}

type Attack = Readonly<{ url: string; body: string }>;

/** Each runs in the page, and waits until the browser has done what it does. */
const ATTACKS: readonly (readonly [string, (attack: Attack) => Promise<unknown>])[] = [
  [
    "a fetch that may not be read",
    ({ url, body }) => fetch(url, { method: "POST", mode: "no-cors", body }).catch(String),
  ],
  [
    "a fetch of JSON",
    ({ url, body }) =>
      fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body }).catch(String),
  ],
  [
    "a beacon",
    async ({ url, body }) =>
      (navigator as unknown as { sendBeacon(url: string, body: string): boolean }).sendBeacon(url, body),
  ],
  [
    "a question by GET",
    ({ url }) =>
      fetch(`${url.replace("SetBudget", "ListBudgets")}?connect=v1&encoding=json&message=%7B%7D`, {
        mode: "no-cors",
      }).catch(String),
  ],
  [
    "a WebSocket",
    ({ url }) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("refused");
      }),
  ],
];

describe("X16 a page of another site", () => {
  it.each(ATTACKS)("cannot use %s, from another site or another port", async (_, attack) => {
    for (const from of [`http://evil.example:${port}/`, `http://127.0.0.1:${port}/`]) {
      const { page, statuses } = await pageAt(from);
      await page.evaluate(attack, { url: `${service.httpUrl}${SET_BUDGET}`, body: BUDGET });
      await page.waitForTimeout(100);
      // A preflight that is refused has no answer that a page could see; whatever has one is 403.
      for (const status of statuses) expect(status).toBe(403);
      await page.context().close();
    }
    expect((await accessOf(service).listBudgets({})).budgets).toEqual([]);
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])(
    "cannot send a form as %s",
    async (enctype) => {
      for (const path of [SET_BUDGET, "/v1/chat/completions"]) {
        const { page, statuses } = await pageAt(`http://evil.example:${port}/`);
        const sent = page.waitForResponse((response) => response.url().endsWith(path));
        await page.evaluate(
          ({ action, type }) => {
            const { document } = globalThis as unknown as {
              document: { body: { innerHTML: string }; forms: { submit(): void }[] };
            };
            document.body.innerHTML = `<form method="post" action="${action}" enctype="${type}"><input name='{"x":"' value='"}'></form>`;
            document.forms[0]?.submit();
          },
          { action: `${service.httpUrl}${path}`, type: enctype },
        );
        expect((await sent).status()).toBe(403);
        expect(statuses).toEqual([403]);
        await page.context().close();
      }
      expect((await accessOf(service).listBudgets({})).budgets).toEqual([]);
    },
  );

  it("gains nothing by a name that leads here", async () => {
    const rebound = new URL(service.httpUrl);
    rebound.hostname = "rebound.example";
    for (const path of ["/admin", "/metrics", "/v1/models", SET_BUDGET]) {
      const { page, statuses } = await pageAt(new URL(path, rebound).href);
      expect(statuses).toEqual([403]);
      expect(await page.textContent("body")).toContain("MODELTIER_ALLOWED_HOSTS");
      await page.context().close();
    }
  });

  it("may be called by the names that it was told, and by no others", async () => {
    const named = await startService({ env: { MODELTIER_ALLOWED_HOSTS: "gate.example" } });
    try {
      const at = new URL(named.httpUrl);
      const statusAs = async (hostname: string) => {
        const page = await (await browser.newContext()).newPage();
        const answer = await page.goto(`http://${hostname}:${at.port}/admin`);
        await page.context().close();
        return answer?.status();
      };
      expect(await statusAs("gate.example")).toBe(200);
      expect(await statusAs("localhost")).toBe(200);
      expect(await statusAs("other.example")).toBe(403);
    } finally {
      await named.stop();
    }
  });

  it("can link to the page, which then works as ever", async () => {
    const { page } = await pageAt(`http://evil.example:${port}/`);
    await page.evaluate((url) => {
      (globalThis as unknown as { location: { href: string } }).location.href = url;
    }, `${service.httpUrl}/admin`);
    await page.getByRole("navigation", { name: "Screens" }).waitFor();
    await page.context().close();
  });
});

describe("X18 answers", () => {
  it("cannot be framed", async () => {
    const { page } = await pageAt(`http://evil.example:${port}/`);
    const refused = page.waitForEvent("console", (message) => message.text().includes("frame"));
    await page.evaluate((url) => {
      const { document } = globalThis as unknown as { document: { body: { innerHTML: string } } };
      document.body.innerHTML = `<iframe src="${url}"></iframe>`;
    }, `${service.httpUrl}/admin`);
    await Promise.race([refused, page.waitForTimeout(2_000)]);
    const texts = await Promise.all(
      page
        .frames()
        .slice(1)
        .map((frame) => frame.textContent("body").catch(() => "")),
    );
    expect(texts.join()).not.toContain("Modeltier");
    await page.context().close();
  });

  it.each([
    ["POST", SET_BUDGET.replace("SetBudget", "ListBudgets")],
    ["POST", SET_BUDGET],
    ["GET", "/v1/models"],
    ["GET", "/admin"],
    ["GET", "/metrics"],
    ["GET", "/nothing"],
  ])("to %s %s are not guessed at, cached, framed or told to others", async (method, path) => {
    const answer = await fetch(`${service.httpUrl}${path}`, {
      method,
      ...(method === "POST" && { body: "{}", headers: { "content-type": "application/json" } }),
    });
    await answer.text();
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  });
});
