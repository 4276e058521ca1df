/** Experiments on the admin page in a real browser: begun there, looked at while real calls run, and used or stopped there. */
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { AccessRole } from "../../gen/modeltier/v1/api_key_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { RouteRequestSchema, Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { type OpenPage, openBrowser, openPage, overhang, seriousFaults } from "../support/browser.ts";
import { type RunningService, startService } from "../support/service.ts";
import { pasted } from "./pasted-experiment.ts";

const TOKEN = "let-me-in-1234567890";
/** Units are counted behind the calls. */
const AFTER_CALLS = { timeout: 30_000 };

let service: RunningService;
let browser: Browser;
let opened: OpenPage;
beforeAll(async () => {
  [service, browser] = await Promise.all([
    startService({ env: { MODELTIER_ADMIN_TOKEN: TOKEN } }),
    openBrowser(),
  ]);
  opened = await openPage(browser, service.httpUrl);
  await opened.signIn(TOKEN);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

const transport = (token?: string) =>
  createConnectTransport({
    baseUrl: service.httpUrl,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });

const router = () => createClient(RouterService, transport(TOKEN));

const step = (sessionId: string) =>
  create(RouteRequestSchema, { agentId: "support-reply", sessionId, constraints: { tier: Tier.BALANCED } });

const complete = (sessionId: string) =>
  router().completeOnce({
    request: {
      routing: { case: "route", value: step(sessionId) },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Hello [tokens=1]" } }] }],
    },
  });

const sessions = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);

async function paste(text: string): Promise<void> {
  const { page, open } = opened;
  await open("/start-experiment");
  await page.getByText("Advanced: more arms").click();
  await page.getByLabel("An Experiment in the contract's JSON").fill(text);
  await page.getByRole("button", { name: "Review and start this" }).click();
}

async function startPasted(experimentId: string, arms: Readonly<Record<string, string>>): Promise<void> {
  const { page } = opened;
  await paste(pasted(experimentId, arms));
  await page.getByRole("button", { name: "Start it" }).click();
  await page.waitForURL(new RegExp(`/experiments/${experimentId}$`));
}

describe("experiments on the page", () => {
  it("say what the first is for and how it starts, and nothing to a caller's key", async () => {
    const { page } = opened;
    await page.getByRole("link", { name: "Experiments" }).click();
    await page.getByRole("heading", { level: 1, name: "There has been no experiment yet." }).waitFor();
    await page.getByText("An experiment has a share of the real calls done under another").waitFor();
    await page.getByRole("link", { name: "Start an experiment" }).waitFor();

    const { secret } = await createClient(AccessService, transport(TOKEN)).createApiKey({
      name: "a caller",
      role: AccessRole.CALLER,
    });
    const caller = await openPage(browser, service.httpUrl);
    await caller.signIn(secret);
    await caller.open("/experiments");
    await caller.page.getByRole("alert").first().waitFor();
    expect(await caller.page.getByText("There has been no experiment yet.").count()).toBe(0);
    await caller.close();
  });

  it("start from a form, whose mistakes stand at their fields, after what will happen was said", async () => {
    const { page } = opened;
    await page.getByRole("link", { name: "Start an experiment" }).click();
    const name = page.getByLabel("Name", { exact: true });
    await name.fill("Kimi?");
    await page.getByLabel("Second arm", { exact: true }).fill("gpt");
    const kind = page.getByLabel("The second has of its own");
    await kind.selectOption({ label: "a published version as a whole" });
    await page.getByText("No version is published").waitFor();
    await page.getByRole("button", { name: "Review and start" }).first().click();
    await page.getByText("✕ arms[1].config: is missing: choose a version").waitFor();
    await kind.selectOption({ label: "the models of a tier" });
    await page.getByRole("button", { name: "Move openai/gpt-4o-mini up in balanced" }).click();
    await page.getByRole("button", { name: "Review and start" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("cell", { name: "tiers.balanced.targets[0].model" }).waitFor();
    await dialog.getByText("today 5.0 %, gpt 5.0 %; 90.0 % have the configuration in force").waitFor();
    await dialog.getByText("Is gpt no worse than today on success (margin 3 points), and cheaper?").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Start it" }).click();
    await page.getByText("✕ is not lower-case letters").waitFor();
    expect(await page.locator(":focus").inputValue(), "where one goes on").toBe("Kimi?");

    await name.fill("kimi-or-gpt");
    await page.getByRole("button", { name: "Review and start" }).first().click();
    await dialog.getByRole("button", { name: "Start it" }).click();
    await page
      .getByRole("heading", {
        level: 1,
        name: "Is gpt no worse than today on success (margin 3 points), and cheaper?",
      })
      .waitFor();
    await page.waitForURL(/\/experiments\/kimi-or-gpt$/);
    await page.getByText("Not known yet: more units are needed").waitFor();
    await page.getByText("Look as often as you like").waitFor();
  });

  it("change their shares, and stop, each after what will happen was said", async () => {
    const { page } = opened;
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: "Change shares" }).click();
    await dialog.getByLabel("Of the traffic, in %").fill("40");
    await dialog.getByLabel("Weight of gpt").fill("3");
    await dialog.getByText("today 10.0 %, gpt 30.0 %; 60.0 % have the configuration in force").waitFor();
    await dialog.getByRole("button", { name: "Set the shares" }).click();
    await page.getByText("75.0 % of what counts, 30.0 % of all").waitFor();
    await page.getByRole("cell", { name: "Shares set: 0.4 of the traffic, gpt 3" }).waitFor();

    await page.getByRole("button", { name: "Stop the experiment" }).click();
    await dialog.getByText("All calls have the configuration in force again").waitFor();
    await dialog.getByLabel("Why").fill("only to try it");
    await dialog.getByRole("button", { name: "Stop it" }).click();
    await page.getByRole("cell", { name: "Stopped: only to try it" }).waitFor();
    expect(await page.getByRole("button", { name: "Change shares" }).count()).toBe(0);
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { level: 1, name: "No experiment runs" }).waitFor();
    await page.getByRole("row", { name: /kimi-or-gpt.*stopped.*today, gpt/ }).waitFor();
  });

  it("start from JSON as well, where what is wrong stands below it", async () => {
    const { page } = opened;
    await paste("{ experiment");
    await page.getByText("✕ This is no experiment in JSON").waitFor();
    await paste(pasted("Wrong", { one: "kimi/kimi-k3" }));
    await page.getByRole("button", { name: "Start it" }).click();
    await page.getByText("✕ experiment_id: is not lower-case letters").waitFor();
  });
});

describe("an experiment with calls", () => {
  const arm = (name: string) => opened.page.getByRole("region", { name, exact: true });

  it("shows by itself what its arms measured, and which of them a guardrail stopped", async () => {
    const { page } = opened;
    await startPasted("three-arms", { cheap: "kimi/kimi-k2-0905-preview", broken: "kimi/kimi-k3!refusal" });
    await arm("cheap").getByText("Nothing is measured yet.").waitFor();
    await Promise.all(sessions("three", 80).map(complete));
    await arm("broken")
      .getByText("✕ Stopped by the guardrail on success: it certainly loses more than 10 points")
      .waitFor(AFTER_CALLS);
    await page
      .getByRole("cell", { name: "Arm broken taken out, because it loses too much success" })
      .waitFor();
    await arm("cheap").getByText("… Not known yet: more units are needed").waitFor();
    const success = arm("broken").getByRole("row", { name: /^Success/ });
    expect(await success.textContent()).toMatch(
      /^Success100 %[\d.]+ % to 100 %0 %0 % to [\d.]+ %−100 points−100 to −[\d.]+✕ worse$/,
    );
    const { zero, to } = await success.locator("svg").evaluate((svg) => {
      const at = (line: string, end: string) => Number(svg.querySelector(line)?.getAttribute(end));
      return { zero: at(".zero", "x1"), to: at(".span", "x2") };
    });
    expect(to, "the whole of what is worse is left of zero").toBeLessThan(zero);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await seriousFaults(page)).toEqual([]);
    for (const width of [360, 760]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await overhang(page), `what is beyond ${width} px`).toBe(0);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it("leads to the executions of an arm, which say whose they are", async () => {
    const { page } = opened;
    await page.getByRole("link", { name: "Executions of broken" }).click();
    await page.getByRole("heading", { level: 1, name: /that match/ }).waitFor();
    expect(await page.getByLabel("Arm of the experiment").inputValue()).toBe("broken");
    await page.locator("tbody a").first().click();
    const whose = page.locator("dt", { hasText: /^Experiment$/ }).locator("+ dd");
    await whose.waitFor();
    expect(await whose.textContent()).toBe("three-arms, arm broken");
    await whose.getByRole("link", { name: "three-arms" }).click();
    await page.waitForURL(/\/experiments\/three-arms$/);
  });

  it("has its configuration taken to the editor, where it is published or discarded, and never by itself", async () => {
    const { page } = opened;
    const dialog = page.getByRole("dialog");
    await arm("cheap").getByRole("button", { name: "Use the configuration of cheap" }).click();
    await dialog.getByRole("cell", { name: "tiers.balanced.targets[1]" }).waitFor();
    await dialog.getByText("! three-arms still runs.").waitFor();
    await dialog.getByRole("button", { name: "Take it to Orchestration Config" }).click();
    await page.getByRole("region", { name: "Unsaved changes" }).waitFor();
    expect(await page.getByRole("list", { name: "Targets of balanced" }).getByRole("listitem").count()).toBe(
      1,
    );
    const { version } = await createClient(ConfigService, transport(TOKEN)).getConfig({});
    expect(version?.version, "nothing is published").toBe(0n);

    await page.goBack();
    await arm("broken").getByRole("button", { name: "Use the configuration of broken" }).click();
    await dialog.getByText("! You have unsaved changes in Orchestration Config").waitFor();
    expect(await dialog.getByRole("button", { name: "Take it to Orchestration Config" }).isDisabled()).toBe(
      true,
    );
    await page.keyboard.press("Escape");
    await page.goForward();
    await page.getByRole("button", { name: "Discard" }).click();
  });

  it("ends when the arm is taken out that was compared last", async () => {
    const { page, open } = opened;
    await open("/experiments/three-arms");
    const dialog = page.getByRole("dialog");
    await arm("cheap").getByRole("button", { name: "Take cheap out" }).click();
    await dialog.getByText("so the experiment ends with it").waitFor();
    await dialog.getByRole("button", { name: "Take it out" }).click();
    await arm("cheap").getByText("Not known: it was stopped before there were enough units").waitFor();
    await page.getByText("■ stopped").waitFor();
    await page.getByRole("cell", { name: "Arm cheap taken out, because an operator said so" }).waitFor();
  });

  it("says to believe nothing once units of an arm are lost, and what may be the cause", async () => {
    const { page, complaints } = opened;
    await startPasted("lossy", { other: "kimi/kimi-k2-0905-preview" });
    const decided = await Promise.all(
      sessions("lossy", 100).map(async (session) => {
        const { decision } = await router().route(step(session));
        return { session, arm: decision?.experiment?.arm };
      }),
    );
    const kept = decided.filter((one) => one.arm === "today");
    await Promise.all(kept.map(({ session }) => complete(session)));
    await page.getByRole("alert").getByText("Believe nothing that was measured.").waitFor(AFTER_CALLS);
    await page.getByText("Calls of one arm are lost before they are recorded").waitFor();
    await arm("other").getByText("! Believe nothing here").waitFor();
    const beyond = complaints.filter((complaint) => !complaint.includes("status of 400"));
    expect(beyond).toEqual([]);
  });
});
