/** What the admin page shows, as figures: the exact values that it gives on hover and on copy, and the sentences. */
import type { Locator, Page } from "playwright-core";
import type { OpenPage } from "./browser.ts";

type Row = Readonly<{ provider: string; calls: number; nanoUsd: bigint }>;

/** Of the screen "Costs", for its 30 days. */
export type CostFigures = Readonly<{
  /** One per model. */
  models: readonly Row[];
  /** One per day and provider; calls are not shown by day. */
  days: readonly Row[];
  /** Agent, executions, nano-USD. */
  agents: readonly (readonly [string, number, bigint])[];
  /** The month's amount as its sentence has it: "$0.123". */
  month: string;
}>;

export async function readCostFigures({ page, open }: OpenPage): Promise<CostFigures> {
  await open("/costs");
  const sentence = await readHeading(page, /\$[\d.,]+ this month/);
  const models = await rowsOf(page, "Models by cost");
  const agents = await rowsOf(page, "Agents by cost");
  const days = await rowsOf(page, "Cost by day");
  return {
    models: await Promise.all(
      models.map(async (row) => ({
        provider: (await textOf(row, "Model")).split("/")[0] ?? "",
        calls: await countOf(row, "Calls"),
        nanoUsd: await moneyOf(row, "Cost"),
      })),
    ),
    days: (await Promise.all(days.map(readDay))).flat(),
    agents: await Promise.all(
      agents.map(
        async (row) =>
          [await textOf(row, "Agent"), await countOf(row, "Executions"), await moneyOf(row, "Cost")] as const,
      ),
    ),
    month: amountIn(sentence, /(\$[\d.,]+) this month/),
  };
}

/** Of the overview. */
export type OverviewFigures = Readonly<{
  today: Readonly<{ calls: number; nanoUsd: bigint; errors: number; fallbacks: number }>;
  /** "balanced kimi/kimi-k2 12", of 24 hours. */
  targets: readonly string[];
  /** As its sentence has it: "$0.123". */
  spentToday: string;
}>;

export async function readOverviewFigures({ page, open }: OpenPage): Promise<OverviewFigures> {
  await open("/");
  const sentence = await readHeading(page, /\$[\d.,]+ today/);
  const today = page.getByRole("region", { name: "Today" });
  const headline = (name: string) =>
    exactOf(
      today
        .locator(".card")
        .filter({ has: page.getByRole("heading", { name }) })
        .locator(".big"),
    );
  const targets = await rowsOf(page, "Distribution");
  return {
    today: {
      calls: countIn(await headline("Calls today")),
      nanoUsd: nanoIn(await headline("Cost today")),
      errors: countIn(await headline("Errors today")),
      fallbacks: countIn(await headline("Fallbacks today")),
    },
    targets: await Promise.all(
      targets.map(async (row) =>
        [await textOf(row, "Tier"), await textOf(row, "Target"), await countOf(row, "Executions")].join(" "),
      ),
    ),
    spentToday: amountIn(sentence, /(\$[\d.,]+) today/),
  };
}

/** Whether an amount as the page words it is the exact one, rounded to the digits that are shown. */
export function roundsTo(shown: string, nanoUsd: bigint): boolean {
  const text = shown.replace(/[$,]/g, "");
  const [, decimals = ""] = text.split(".");
  const unit = 10n ** BigInt(9 - decimals.length);
  const off = nanoIn(shown) - nanoUsd;
  return 2n * (off < 0n ? -off : off) <= unit;
}

async function readHeading(page: Page, words: RegExp): Promise<string> {
  const heading = page.getByRole("heading", { level: 1, name: words });
  await heading.waitFor();
  return (await heading.textContent()) ?? "";
}

/** Tables behind pictures are folded away, and there. */
async function rowsOf(page: Page, caption: string): Promise<readonly Locator[]> {
  const table = page.locator("table").filter({ has: page.locator(`caption:text-is("${caption}")`) });
  await table.first().waitFor({ state: "attached" });
  return table.locator("tbody tr").all();
}

const PROVIDERS: Readonly<Record<string, string>> = {
  Anthropic: "anthropic",
  Kimi: "kimi",
  OpenAI: "openai",
};

async function readDay(row: Locator): Promise<readonly Row[]> {
  const names = Object.entries(PROVIDERS);
  return Promise.all(
    names.map(async ([name, provider]) => ({ provider, calls: 0, nanoUsd: await moneyOf(row, name) })),
  );
}

const cell = (row: Locator, column: string): Locator => row.locator(`td[data-label="${column}"]`);
const textOf = async (row: Locator, column: string): Promise<string> =>
  ((await cell(row, column).textContent()) ?? "").trim().split(" ")[0] ?? "";
const countOf = async (row: Locator, column: string): Promise<number> =>
  countIn(await exactOf(cell(row, column)));
const moneyOf = async (row: Locator, column: string): Promise<bigint> =>
  nanoIn(await exactOf(cell(row, column)));

/** What hovering shows and copying takes; the two are one. */
async function exactOf(at: Locator): Promise<string> {
  const value = at.locator("[data-exact]");
  const [title, exact] = [await value.getAttribute("title"), await value.getAttribute("data-exact")];
  if (title === null || title !== exact) throw new Error(`hovering shows ${title}, copying takes ${exact}`);
  return title;
}

const countIn = (exact: string): number => Number(exact.replaceAll(",", ""));

function nanoIn(exact: string): bigint {
  const [whole = "", fraction = ""] = exact.replace(/[$,]/g, "").split(".");
  if (!/^\d+$/.test(whole) || !/^\d{0,9}$/.test(fraction)) throw new Error(`${exact} is no amount`);
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
}

const amountIn = (sentence: string, pattern: RegExp): string => {
  const found = pattern.exec(sentence)?.[1];
  if (found === undefined) throw new Error(`no amount in "${sentence}"`);
  return found;
};
