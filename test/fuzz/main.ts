/** `npm run fuzz`: what the service takes from callers and providers, spoilt at random, in the numbers the promises speak of. */
import { parseArgs } from "node:util";
import { checkSeeds, fuzz, type Part } from "./part.ts";
import { PART_NAMES, type PartName, withParts } from "./parts.ts";

const USAGE = `npm run fuzz -- [--seed N] [--runs N] [--only ${PART_NAMES.join("|")}]`;

function readArguments(): Readonly<{ seed: number; runs: number | undefined; only: readonly PartName[] }> {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, runs: { type: "string" }, only: { type: "string" } },
  });
  const only = values.only === undefined ? PART_NAMES : PART_NAMES.filter((name) => name === values.only);
  if (only.length === 0) throw new Error(`--only is ${values.only}; there are ${PART_NAMES.join(", ")}`);
  return {
    seed: wholeNumber("--seed", values.seed) ?? Date.now() & 0x7fffffff,
    runs: wholeNumber("--runs", values.runs),
    only,
  };
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff)
    throw new Error(`${name} is ${text}; it must be a whole number from 0 to 2147483647`);
  return value;
}

async function run(part: Part<unknown>, seed: number, size: number): Promise<boolean> {
  const startedMs = performance.now();
  const seconds = () => `${((performance.now() - startedMs) / 1_000).toFixed(0)} s`;
  let shownMs = startedMs;
  try {
    const kept = await checkSeeds(part);
    const done = await fuzz(part, {
      seed,
      size,
      onProgress: (sofar) => {
        if (performance.now() - shownMs < 10_000) return;
        shownMs = performance.now();
        process.stdout.write(`  ${part.name}: ${sofar} of about ${size} ${part.unit}, ${seconds()}\n`);
      },
    });
    process.stdout.write(`pass  ${part.name}: ${done} ${part.unit} and ${kept} kept ones in ${seconds()}\n`);
    for (const [name, count] of [...(part.outcomes ?? [])].toSorted())
      process.stdout.write(`        ${count} ${name}\n`);
    return true;
  } catch (error) {
    process.stdout.write(`FAIL  ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

try {
  const { seed, runs, only } = readArguments();
  process.stdout.write(`seed ${seed}\n`);
  await withParts(only, async (part, size) => {
    if (!(await run(part, seed, runs ?? size))) process.exitCode = 1;
  });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exitCode = 2;
}
