/** Rounds: every contender once in each, so that what the machine does meanwhile hits all alike. */

import { type H2loadResult, type LoadRequest, type LoadShape, loadWith, runH2load } from "./h2load.ts";
import { cpuSeconds } from "./machine.ts";
import { checkSample } from "./sample-check.ts";
import { median } from "./stats.ts";

export type Measurement = Readonly<{
  value: number;
  /** Share of one core that the server used meanwhile. */
  busy?: number;
}>;

export type Contender = Readonly<{ name: string; measure(): Promise<Measurement> }>;

/** What each contender did, round by round. */
export type Rounds = Readonly<{
  values(name: string): readonly number[];
  busy(name: string): number | undefined;
}>;

/** Forwards in one round and backwards in the next: a drift of the machine favours nobody. */
export async function runRounds(contenders: readonly Contender[], rounds: number): Promise<Rounds> {
  const measured = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, measure } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      measured.get(name)?.push(await measure());
    }
  }
  return {
    values: (name) => (measured.get(name) ?? []).map(({ value }) => value),
    busy: (name) => {
      const shares = (measured.get(name) ?? []).flatMap(({ busy }) => busy ?? []);
      return shares.length === 0 ? undefined : median(shares);
    },
  };
}

/** Answers differ a little in length, by an id or a time. */
const LENGTH_TOLERANCE = 0.9;

/** An RPC that fails is a 200 without a body to h2load: too few bytes give it away. */
export const areWhole = (
  { dataBytes, succeeded }: Pick<H2loadResult, "dataBytes" | "succeeded">,
  sampleBytes: number,
): boolean => dataBytes >= LENGTH_TOLERANCE * sampleBytes * succeeded;

/** Load before the first measurement, in which the server's code is compiled: some 20,000 calls. */
const WARM_UP_SECONDS = 15;

/**
 * Requests answered in a second, as many at once as the shape says. The answer is looked at, and the server warmed up,
 * before the first round: h2load's own warm-up counts nothing at all when the first answers come late.
 */
export async function throughput(
  name: string,
  request: LoadRequest,
  shape: LoadShape,
  pid?: number,
): Promise<Contender> {
  const sample = await checkSample(request);
  await loadWith(request, { ...shape, seconds: WARM_UP_SECONDS });
  return {
    name,
    measure: async () => {
      const before = pid === undefined ? 0 : cpuSeconds(pid);
      const startedMs = performance.now();
      const result = await runH2load(request, shape).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`, { cause: error });
      });
      const elapsed = (performance.now() - startedMs) / 1_000;
      if (!areWhole(result, sample.bytes)) throw new Error(`${name}: answers under load were not whole`);
      return {
        value: result.requestsPerSecond,
        ...(pid === undefined ? {} : { busy: (cpuSeconds(pid) - before) / elapsed }),
      };
    },
  };
}
