/** R18: recorded answers of every dialect, spoilt at random, end in one outcome: a good answer or one of the failure classes. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TokenUsage } from "../../src/providers/provider.ts";
import { PROVIDER_FAILURES, ProviderError } from "../../src/providers/provider-error.ts";
import { listen, providerOf, question, unwatched } from "../contract/ask.ts";
import { FIXTURES, type Fixture, WHOLE_STREAMS } from "../contract/fixtures.ts";
import { cut, scriptedTransport } from "../contract/scripted-transport.ts";
import { mutation } from "./mutate.ts";

/** Of each kind; MODELTIER_FUZZ_STREAMS says how many of both together. */
const RUNS = Math.ceil(Number(process.env.MODELTIER_FUZZ_STREAMS ?? 2_000) / 2);
const FROM_ENVIRONMENT = process.env.MODELTIER_FUZZ_SEED;
const SEED = FROM_ENVIRONMENT === undefined ? Date.now() & 0x7fffffff : Number(FROM_ENVIRONMENT);

type KeptSeed = Readonly<{ seed: number; path: string }>;
const KEPT: readonly KeptSeed[] = JSON.parse(
  readFileSync(new URL("seeds/provider-streams.json", import.meta.url), "utf8"),
);

const WHOLE_ANSWERS = FIXTURES.filter(({ streamed, status }) => !streamed && status === 200);

function expectFailureClass(error: unknown): void {
  expect(error).toBeInstanceOf(ProviderError);
  if (error instanceof ProviderError) expect(PROVIDER_FAILURES).toContain(error.failure);
}

function expectCounts(usage: TokenUsage | undefined): void {
  for (const count of Object.values(usage ?? {})) {
    expect(Number.isSafeInteger(count) && count >= 0, `${count} tokens`).toBe(true);
  }
}

const streams = fc.asyncProperty(
  fc.constantFrom<Fixture>(...WHOLE_STREAMS),
  mutation,
  fc.integer({ min: 1, max: 4_096 }),
  fc.constantFrom("closed" as const, "broken" as const),
  async ({ dialect, body }, mutate, pieceBytes, ending) => {
    const pieces = cut(mutate(body), pieceBytes);
    const heard = await listen(providerOf(dialect, scriptedTransport({ pieces, ending })));
    const finishes = heard.events.filter(({ kind }) => kind === "finish");
    expect(finishes).toHaveLength(heard.error === undefined ? 1 : 0);
    if (heard.error === undefined) expect(heard.events.at(-1)?.kind).toBe("finish");
    else expectFailureClass(heard.error);
    for (const event of heard.events) {
      if (event.kind === "usage" || event.kind === "finish") expectCounts(event.usage);
    }
  },
);

const wholes = fc.asyncProperty(
  fc.constantFrom<Fixture>(...WHOLE_ANSWERS),
  mutation,
  fc.integer({ min: 1, max: 4_096 }),
  async ({ dialect, body }, mutate, pieceBytes) => {
    const headers = { "content-type": "application/json" };
    const provider = providerOf(
      dialect,
      scriptedTransport({ headers, pieces: cut(mutate(body), pieceBytes) }),
    );
    try {
      const answer = await provider.complete(question(), new AbortController().signal, unwatched);
      expectCounts(answer.usage);
    } catch (error) {
      expectFailureClass(error);
    }
  },
);

describe(`R18 spoilt answers of providers, seed ${SEED}`, () => {
  it("streamed, each ends once: finished, or failed in a known class", async () => {
    await fc.assert(streams, { numRuns: RUNS, seed: SEED });
  }, 600_000);

  it("whole, each is an answer with counts, or failed in a known class", async () => {
    await fc.assert(wholes, { numRuns: RUNS, seed: SEED });
  }, 600_000);

  it("those that failed once are fine", async () => {
    for (const { seed, path } of KEPT) await fc.assert(streams, { numRuns: 1, seed, path });
  });
});
