/** The example of a workflow does what its README says, and every place that tells of its money tells the same. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CATALOGUE } from "../../src/pricing/catalogue.ts";
import { databaseOf } from "../support/database-of.ts";
import { type RunningService, startService } from "../support/service.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/workflow/workflow.ts", import.meta.url));
const README = new URL("../../examples/workflow/README.md", import.meta.url);

type LedgerEntry = Readonly<{
  provider: string;
  model: string;
  cost_nano_usd: string;
  usage: Readonly<{ cached_input_tokens: number; cache_write_tokens: number }>;
}>;

describe.each([
  ["where the router sends them", 0, []],
  ["at one Anthropic model", 1, ["anthropic/claude-sonnet-5-5"]],
] as const)("the ten steps of the workflow, %s", (_, table, model) => {
  let service: RunningService;
  let printed: string;
  beforeAll(async () => {
    service = await startService();
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [EXAMPLE, `http://${service.grpcAddress}`, ...model]);
    printed = stdout;
  });
  afterAll(() => service?.stop());

  it("prints what its README shows", () => {
    const shown = [...readFileSync(README, "utf8").matchAll(/```text\n([^`]*)```/g)].map(([, text]) => text);
    expect(printed).toBe(shown[table]);
  });

  it("saves, by its records, its metric and the ledger alike, what reading costs less, less what writing costs more", async () => {
    const entries = await ledgerOf(service);
    const saved = entries.reduce((sum, entry) => sum + savedBy(entry), 0n);
    const cost = entries.reduce((sum, entry) => sum + BigInt(entry.cost_nano_usd), 0n);
    expect(saved).toBeGreaterThan(0n);
    expect(await recordedSums(service, entries.length)).toEqual({
      attempts: [{ cost, saved }],
      executions: [{ cost, saved }],
    });
    expect(await metricOf(service)).toBe(saved);
  });
});

/** Sums come as digits. */
type Sums = Readonly<{ rows: string; cost: string; saved: string }>;

async function ledgerOf({ sandboxUrl }: RunningService): Promise<readonly LedgerEntry[]> {
  const body = (await (await fetch(`${sandboxUrl}/ledger`)).json()) as { entries: readonly LedgerEntry[] };
  return body.entries;
}

/** By the price list and nothing else; these models have one price band. */
function savedBy({ provider, model, usage }: LedgerEntry): bigint {
  const band = CATALOGUE.findModel(provider, model)?.prices.at(-1)?.bands[0];
  if (band === undefined) throw new Error(`no price for ${provider}/${model}`);
  const readPerMtok = band.freshInputMicroUsdPerMtok - band.cachedInputMicroUsdPerMtok;
  const writePerMtok = band.cacheWriteMicroUsdPerMtok - band.freshInputMicroUsdPerMtok;
  const savedPicoUsd =
    BigInt(usage.cached_input_tokens) * readPerMtok - BigInt(usage.cache_write_tokens) * writePerMtok;
  return savedPicoUsd / 1_000n;
}

/** Waits for the recorder, which writes behind the calls. */
async function recordedSums(service: RunningService, attempts: number) {
  const client = new pg.Client(databaseOf(service));
  await client.connect();
  const sumsOf = async (table: string) => {
    const { rows } = await client.query<Sums>(
      `select count(*) as rows, sum(cost_nano_usd) as cost, sum(cache_saving_nano_usd) as saved from ${table}`,
    );
    return rows;
  };
  await expect.poll(async () => Number((await sumsOf("ai_analytics"))[0]?.rows)).toBe(attempts);
  const [attempt, execution] = [await sumsOf("ai_analytics"), await sumsOf("orchestration_executions")];
  await client.end();
  const exact = (sums: readonly Sums[]) =>
    sums.map(({ cost, saved }) => ({ cost: BigInt(cost), saved: BigInt(saved) }));
  return { attempts: exact(attempt), executions: exact(execution) };
}

/** In nano-USD, over all models. */
async function metricOf({ httpUrl }: RunningService): Promise<bigint> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const values = [...text.matchAll(/^modeltier_provider_cache_savings_usd\{.*\} (\S+)$/gm)];
  return values.reduce((sum, [, usd]) => sum + BigInt(Math.round(Number(usd) * 1e9)), 0n);
}
