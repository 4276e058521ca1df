/** Recorded answers of every dialect, spoilt, at the real adapters: each ends once, as a good answer or in one of the failure classes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Dialect, TokenUsage } from "../../../src/providers/provider.ts";
import { PROVIDER_FAILURES, ProviderError } from "../../../src/providers/provider-error.ts";
import { listen, providerOf, question, unwatched } from "../../contract/ask.ts";
import { FIXTURES, type Fixture, WHOLE_STREAMS } from "../../contract/fixtures.ts";
import { cut, scriptedTransport } from "../../contract/scripted-transport.ts";
import { mutation } from "../mutate.ts";
import { Outcomes, type Part } from "../part.ts";

/** The body in base64, and how it arrives. */
type Answer = Readonly<{
  dialect: Dialect;
  streamed: boolean;
  body: string;
  pieceBytes: number;
  ending: "closed" | "broken";
}>;

const WHOLE_ANSWERS = FIXTURES.filter(({ streamed, status }) => !streamed && status === 200);

const spoilt = (fixtures: readonly Fixture[]): fc.Arbitrary<Answer> =>
  fc
    .tuple(
      fc.constantFrom(...fixtures),
      mutation,
      fc.integer({ min: 1, max: 4_096 }),
      fc.constantFrom("closed" as const, "broken" as const),
    )
    .map(([{ dialect, body, streamed }, mutate, pieceBytes, ending]) => ({
      dialect,
      streamed,
      body: mutate(Buffer.from(body)).toString("base64"),
      pieceBytes,
      ending,
    }));

export function answersPart(): Part<Answer> {
  const outcomes = new Outcomes();
  return {
    name: "answers",
    unit: "answers",
    inputs: fc.oneof(spoilt(WHOLE_STREAMS), spoilt(WHOLE_ANSWERS)),
    usualSize: 1,
    sizeOf: () => 1,
    outcomes,
    async check(answer) {
      const error = await (answer.streamed ? checkStream(answer) : checkWhole(answer));
      outcomes.count(`${answer.streamed ? "streamed" : "whole"}, ${error?.failure ?? "ok"}`);
    },
  };
}

async function checkStream({
  dialect,
  body,
  pieceBytes,
  ending,
}: Answer): Promise<ProviderError | undefined> {
  const pieces = cut(Buffer.from(body, "base64"), pieceBytes);
  const { events, error } = await listen(providerOf(dialect, scriptedTransport({ pieces, ending })));
  const finishes = events.filter(({ kind }) => kind === "finish");
  assert.equal(finishes.length, error === undefined ? 1 : 0, "one end");
  if (error === undefined) assert.equal(events.at(-1)?.kind, "finish");
  for (const event of events) {
    if (event.kind === "usage" || event.kind === "finish") checkCounts(event.usage);
  }
  return error === undefined ? undefined : failureOf(error);
}

async function checkWhole({ dialect, body, pieceBytes }: Answer): Promise<ProviderError | undefined> {
  const pieces = cut(Buffer.from(body, "base64"), pieceBytes);
  const headers = { "content-type": "application/json" };
  const provider = providerOf(dialect, scriptedTransport({ headers, pieces }));
  try {
    checkCounts((await provider.complete(question(), new AbortController().signal, unwatched)).usage);
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

function failureOf(error: unknown): ProviderError {
  if (error instanceof ProviderError && PROVIDER_FAILURES.includes(error.failure)) return error;
  throw error;
}

function checkCounts(usage: TokenUsage | undefined): void {
  for (const count of Object.values(usage ?? {})) {
    assert.ok(Number.isSafeInteger(count) && count >= 0, `${count} tokens`);
  }
}
