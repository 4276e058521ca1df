/** What is fuzzed, and how an input that breaks a promise is found, made small and kept. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";

/** One kind of hostile input. Inputs are JSON: one that is kept can be tried again whatever becomes of the generators. */
export type Part<Input> = Readonly<{
  name: string;
  /** What is counted: "frames". */
  unit: string;
  inputs: fc.Arbitrary<Input>;
  /** How many an input holds on average, and how many one does. */
  usualSize: number;
  sizeOf(input: Input): number;
  /** @throws when the input breaks a promise */
  check(input: Input): Promise<void>;
  /** What came of the inputs so far; shows that they are neither all refused nor all harmless. */
  outcomes?: ReadonlyMap<string, number>;
}>;

/** An input that failed once. */
export type Seed<Input> = Readonly<{ found: string; seed: number; input: Input }>;

export type FuzzOptions = Readonly<{
  seed: number;
  /** Frames, requests, documents: what the part counts, about. */
  size: number;
  onProgress?: (done: number) => void;
}>;

const SEEDS = new URL("seeds/", import.meta.url);
/** Where the smallest failing inputs are written. Moved to `seeds/`, with a word of what it found, an input is tried by every run. */
const FAILURES = new URL("failures/", import.meta.url);
/** How long an input is made smaller; a try may need a new service. */
const SHRINKING_MS = 90_000;

/** Tries again what failed once, and gives how many that were. @throws when one fails again */
export async function checkSeeds<Input>({ name, check }: Part<Input>): Promise<number> {
  const files = readdirSync(SEEDS).filter((file) => file.startsWith(`${name}-`));
  for (const file of files) {
    const { input, found }: Seed<Input> = JSON.parse(readFileSync(new URL(file, SEEDS), "utf8"));
    await check(input).catch((cause: unknown) => {
      throw new Error(`seeds/${file} fails again (${found}): ${messageOf(cause)}`, { cause });
    });
  }
  return files.length;
}

/** Tries inputs at random, and gives how many. @throws what the smallest failing input broke; it is kept in a file */
export async function fuzz<Input>(part: Part<Input>, options: FuzzOptions): Promise<number> {
  const { seed, size, onProgress } = options;
  let done = 0;
  let failedAtMs: number | undefined;
  const property = fc.asyncProperty(part.inputs, async (input) => {
    if (failedAtMs !== undefined && performance.now() > failedAtMs + SHRINKING_MS) return;
    try {
      await part.check(input);
      if (failedAtMs !== undefined) return;
      done += part.sizeOf(input);
      onProgress?.(done);
    } catch (error) {
      failedAtMs ??= performance.now();
      throw error;
    }
  });
  // Unbiased: the usual bias towards small values would strike beginnings only, and make batches of one.
  const numRuns = Math.ceil(size / part.usualSize);
  const { counterexample, errorInstance } = await fc.check(property, { seed, numRuns, unbiased: true });
  if (counterexample === null) return done;
  const [input] = counterexample;
  const file = keep(part.name, { found: messageOf(errorInstance), seed, input });
  throw new Error(
    `${part.name}, seed ${seed}: ${messageOf(errorInstance)}\nThe smallest input found is in ${file}`,
    { cause: errorInstance },
  );
}

function keep<Input>(name: string, seed: Seed<Input>): string {
  mkdirSync(FAILURES, { recursive: true });
  const file = new URL(`${name}-${seed.seed}.json`, FAILURES);
  writeFileSync(file, `${JSON.stringify(seed, null, 2)}\n`);
  return relative(process.cwd(), fileURLToPath(file));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Counts what came of inputs, by name. */
export class Outcomes extends Map<string, number> {
  count(name: string): void {
    this.set(name, (this.get(name) ?? 0) + 1);
  }
}
