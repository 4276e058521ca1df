/** A real browser on the admin page, and what it complains of. */
import chromium from "@sparticuz/chromium";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium as driver, type Page } from "playwright-core";

/** Without the sandbox of its own, which needs rights that a container's root has not. */
const ARGUMENTS = [
  "--no-sandbox",
  "--no-zygote",
  "--headless=shell",
  "--disable-gpu",
  "--disable-dev-shm-usage",
];

/** @param more arguments for the browser */
export const openBrowser = async (more: readonly string[] = []): Promise<Browser> =>
  driver.launch({ executablePath: await unpack(), args: [...ARGUMENTS, ...more] });

/** Among temporary files, where it is found again; those of a run go with it (in-memory.ts). */
async function unpack(): Promise<string> {
  const { TMPDIR, MODELTIER_TESTS_TMPDIR } = process.env;
  if (MODELTIER_TESTS_TMPDIR === undefined) return chromium.executablePath();
  process.env.TMPDIR = MODELTIER_TESTS_TMPDIR;
  try {
    return await chromium.executablePath();
  } finally {
    process.env.TMPDIR = TMPDIR;
  }
}

export type OpenPage = Readonly<{
  page: Page;
  /** Errors on the console, uncaught ones, and violations of the policy, as they came. */
  complaints: readonly string[];
  /** Opens an address below /admin and waits for its first heading. */
  open(path: string): Promise<void>;
  /** Enters the token and waits for the frame. */
  signIn(token: string): Promise<void>;
  close(): Promise<void>;
}>;

export async function openPage(
  browser: Browser,
  httpUrl: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    timezoneId: "Europe/Berlin",
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    // The browser notes the first question's 401, by which the page learns that there is a token to ask for.
    if (message.type() === "error" && !message.text().includes("status of 401"))
      complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.addInitScript(axe.source);
  const open = async (path: string): Promise<void> => {
    await page.goto(`${httpUrl}/admin${path}`);
    await page.locator("h1").first().waitFor();
  };
  return {
    page,
    complaints,
    open,
    signIn: async (token) => {
      await open("");
      await page.getByLabel("Admin token").fill(token);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("navigation", { name: "Screens" }).waitFor();
    },
    close: () => context.close(),
  };
}

/** What axe calls serious or critical, as "rule: element", with everything unfolded. */
export async function seriousFaults(page: Page): Promise<readonly string[]> {
  await unfold(page);
  const { violations } = await page.evaluate(() => {
    const { axe: checker } = globalThis as unknown as { axe: typeof axe };
    return checker.run({ resultTypes: ["violations"] });
  });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

/** By how many pixels the page is wider than its window, with everything unfolded. */
export async function overhang(page: Page): Promise<number> {
  await unfold(page);
  return page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
}

const unfold = (page: Page): Promise<void> =>
  page.locator("details").evaluateAll((all) => {
    for (const one of all as unknown as { open: boolean }[]) one.open = true;
  });
