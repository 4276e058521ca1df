/** Takes the pictures in docs/screenshots/ anew: every screen, light and dark, on a service with traffic from its sandbox. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pasted } from "../test/admin/pasted-experiment.ts";
import { sendTraffic } from "../test/admin/traffic.ts";
import { openBrowser, openPage } from "../test/support/browser.ts";
import { startService } from "../test/support/service.ts";

const FOLDER = new URL("../docs/screenshots/", import.meta.url);
const SCREENS = {
  overview: "/",
  config: "/config",
  executions: "/executions",
  costs: "/costs",
  playground: "/playground",
  budgets: "/budgets",
  keys: "/keys",
} as const;
const TOKEN = "only-for-pictures";

// A picture of what the sources are now, not of what was built last.
execFileSync(process.execPath, [fileURLToPath(new URL("admin-page.mjs", import.meta.url))], {
  stdio: "inherit",
});
mkdirSync(FOLDER, { recursive: true });
const service = await startService({ env: { MODELTIER_ADMIN_TOKEN: TOKEN } });
const browser = await openBrowser();
try {
  await sendTraffic(service.httpUrl, 20);
  for (const colorScheme of ["light", "dark"] as const) {
    const viewport = { width: 1120, height: 800 };
    const { page, open, signIn, close } = await openPage(browser, service.httpUrl, { colorScheme, viewport });
    await signIn(TOKEN);
    const take = async (name: string): Promise<void> => {
      await page.waitForLoadState("domcontentloaded");
      await page.locator("main .skeleton").first().waitFor({ state: "detached" });
      await page.screenshot({ path: new URL(`${name}-${colorScheme}.png`, FOLDER).pathname });
    };
    if (colorScheme === "light") {
      await open("/budgets");
      await page.getByLabel("Name").fill("support-day");
      await page.getByLabel("Whose calls").selectOption("agent");
      await page.getByLabel("Agent", { exact: true }).fill("support-reply");
      await page.getByLabel("Money, in USD").fill("25");
      await page.getByRole("button", { name: "Set the budget" }).click();
      await page.getByRole("cell", { name: "support-day" }).first().waitFor();
      await open("/keys");
      for (const name of ["support-reply", "invoice-reader"]) {
        await page.getByLabel("Who or what uses it").fill(name);
        await page.getByLabel("Role").selectOption({ label: "caller" });
        await page.getByRole("button", { name: "Make the key" }).click();
        await page.getByText(`The key of ${name}, shown this once.`).waitFor();
      }
    }
    for (const [name, path] of Object.entries(SCREENS)) {
      await open(path);
      if (name === "overview") await page.getByRole("heading", { name: /today/, level: 1 }).waitFor();
      if (name === "playground") await page.getByRole("heading", { name: /It would ask/ }).waitFor();
      await take(name);
    }
    await open("/costs");
    await page.getByLabel("balanced asks first").selectOption("openai/gpt-4o-mini");
    await page.getByRole("button", { name: "Show the cost" }).click();
    await page.getByText(/executions of the last 30 days would have cost/).waitFor();
    await page.getByRole("heading", { name: "What if?" }).evaluate((heading) => heading.scrollIntoView());
    await take("what-if");
    await open("/config");
    await page.getByRole("button", { name: "Move openai/gpt-4o-mini up in balanced" }).click();
    await page.getByRole("button", { name: "Review and publish" }).click();
    await page
      .getByRole("dialog")
      .getByText(/executions of the last seven days would have cost/)
      .waitFor();
    await take("publish");
    await open("/");
    await page.getByRole("link", { name: "Open it" }).click();
    await page.getByRole("heading", { name: "What happened" }).waitFor();
    await take("execution");
    await close();
  }
  await takeExperiment();
} finally {
  await browser.close();
  await service.stop();
}

/** An experiment whose units count at once, after enough calls to say something of cost. Last: its calls would be in the other pictures. */
async function takeExperiment(): Promise<void> {
  const experiment = pasted("mini-for-balanced", { mini: "openai/gpt-4o-mini" }, "REQUEST");
  for (const colorScheme of ["light", "dark"] as const) {
    const viewport = { width: 1120, height: 1000 };
    const { page, open, signIn, close } = await openPage(browser, service.httpUrl, { colorScheme, viewport });
    await signIn(TOKEN);
    if (colorScheme === "light") {
      await open("/start-experiment");
      await page.getByText("Advanced: more arms").click();
      await page.getByLabel("An Experiment in the contract's JSON").fill(experiment);
      await page.getByRole("button", { name: "Review and start this" }).click();
      await page.getByRole("button", { name: "Start it" }).click();
      await page.getByText("Nothing is measured yet.").waitFor();
      await sendTraffic(service.httpUrl, 50, TOKEN);
    }
    await open("/experiments/mini-for-balanced");
    await page.getByText(/Cost of a call against today: \$/).waitFor({ timeout: 30_000 });
    await page.screenshot({ path: new URL(`experiment-${colorScheme}.png`, FOLDER).pathname });
    await close();
  }
}
