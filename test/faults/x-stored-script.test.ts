/** X17: script in whatever callers, operators and models may write is text to a real browser, on every screen that shows it. */
import { randomBytes } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { accessOf, bearer, makeKey, transportTo } from "../support/access.ts";
import { type OpenPage, openBrowser, openPage } from "../support/browser.ts";
import { holdsWithin, type Rig, startRig } from "./rig/rig.ts";

/** Breaks out of an attribute and of an element, and runs where text is taken for markup. */
const HOSTILE = `"'><img src=x onerror=alert(1)><script>alert(2)</script>`;
/** The same without spaces, as names of models have to be. */
const HOSTILE_MODEL = `"><svg/onload=alert(3)>`;

let rig: Rig;
let browser: Browser;
let admin: string;
let answered: string;
let failed: string;

beforeAll(async () => {
  const env = { MODELTIER_PROMPT_STORAGE: "on", MODELTIER_PROMPT_KEY: randomBytes(32).toString("base64") };
  [rig, browser] = await Promise.all([startRig({ env }), openBrowser()]);
  const { service } = rig;
  const made = await makeKey(accessOf(service), "", "admin", HOSTILE);
  admin = made.secret;
  const as = bearer(admin);
  const transport = transportTo(service, "grpc");
  const router = createClient(RouterService, transport);
  const analytics = createClient(AnalyticsService, transport);
  const ask = (model: string, tier: Tier) =>
    router.completeOnce(
      {
        request: {
          routing: {
            case: "route",
            value: { agentId: HOSTILE, sessionId: HOSTILE, userTier: "gold", constraints: { model, tier } },
          },
          messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: HOSTILE } }] }],
          labels: { [HOSTILE]: HOSTILE },
        },
      },
      as,
    );
  const { completed } = await ask(`primary/${HOSTILE_MODEL}`, Tier.FAST);
  answered = completed?.executionId ?? "";
  await ask(`primary/${HOSTILE_MODEL}!auth`, Tier.POWERFUL).catch(() => undefined);
  const feedback = createClient(FeedbackService, transport);
  await feedback.recordFeedback({ executionId: answered, quality: 3, comment: HOSTILE }, as);
  const scope = { kind: { case: "agentId" as const, value: HOSTILE } };
  const budget = { budgetId: "hostile", scope, period: BudgetPeriod.DAY, limitTokens: 1_000_000n };
  await accessOf(service).setBudget({ budget, author: HOSTILE }, as);
  const configs = createClient(ConfigService, transport);
  const { config } = await configs.getConfig({}, as);
  await configs.publishConfig({ config, basedOn: 0n, author: HOSTILE, comment: HOSTILE }, as);
  await mustHold(async () => (await analytics.listExecutions({}, as)).executions.length === 2);
  const { executions } = await analytics.listExecutions({}, as);
  failed = executions.find(({ executionId }) => executionId !== answered)?.executionId ?? "";
  await mustHold(async () => (await analytics.getExecution({ executionId: answered }, as)).promptStored);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

/** Records and texts are written behind their calls. */
async function mustHold(isSo: () => Promise<boolean>): Promise<void> {
  if (!(await holdsWithin(20_000, isSo))) throw new Error("what was written did not come");
}

/** Opens a screen, does what is to be done there, and looks for anything that became more than text. */
async function visit(path: string, look: (opened: OpenPage) => Promise<void>): Promise<void> {
  const opened = await openPage(browser, rig.service.httpUrl);
  const { page, complaints } = opened;
  const dialogs: string[] = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  await opened.signIn(admin);
  await opened.open(path);
  await look(opened);
  await page.waitForTimeout(100); // an image that does not load says so a moment later
  const markup = "img[src=x], svg[onload], script:not([src]), [onerror], a[href^='javascript:']";
  expect(await page.locator(markup).count()).toBe(0);
  expect(dialogs).toEqual([]);
  expect(complaints).toEqual([]);
  await opened.close();
}

/** Shown as it was written. */
const shows =
  (...texts: readonly string[]) =>
  async ({ page }: OpenPage): Promise<void> => {
    for (const text of texts) await page.getByText(text).first().waitFor();
  };

describe("X17 script that was written into", () => {
  it("an agent's id, a model's name and a label is text in lists and details", async () => {
    await visit("/executions", shows(HOSTILE, HOSTILE_MODEL));
    await visit(`/executions?agent=${encodeURIComponent(HOSTILE)}`, shows(HOSTILE));
    await visit(`/executions/${failed}`, shows(HOSTILE_MODEL, HOSTILE));
  });

  it("feedback, a prompt and an answer is text where they are shown", async () => {
    await visit(`/executions/${answered}`, async (opened) => {
      await shows(HOSTILE_MODEL, HOSTILE)(opened);
      const { page } = opened;
      await page.getByRole("button", { name: "Show the texts" }).click();
      await page.getByText("Kept until").waitFor();
      await page.locator("dd", { hasText: HOSTILE }).last().waitFor();
      await page.getByRole("button", { name: "Delete the texts" }).click();
      await page.getByRole("button", { name: "Delete them for good" }).click();
      await page.getByText("The texts are deleted.").waitFor();
    });
    await visit(`/executions/${answered}`, shows("The texts of prompt and answer are not stored."));
  });

  it("a key's name, a budget's scope and a published configuration is text", async () => {
    await visit("/keys", shows(HOSTILE));
    await visit("/budgets", shows(HOSTILE));
    await visit("/config", shows(HOSTILE));
  });

  it("anything is text in what is added up of it", async () => {
    await visit("/", async ({ page }) =>
      page
        .getByRole("heading", { name: /Distribution/ })
        .first()
        .waitFor(),
    );
    await visit("/costs", shows(HOSTILE));
    await visit("/playground", async ({ page }) => page.getByRole("heading", { level: 1 }).waitFor());
  });
});
