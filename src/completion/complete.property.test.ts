import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { PROVIDER_FAILURES } from "../providers/provider-error.ts";
import type { CompletionCall } from "./call.ts";
import {
  completedOf,
  type Harness,
  harness,
  knowsFirstTokens,
  type Ran,
  start,
  textOf,
} from "./testing/harness.ts";
import {
  crash,
  fail,
  finish,
  hang,
  headers,
  type Move,
  type Script,
  send,
  text,
  USAGE,
  usage,
  wait,
} from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Answers that begin alike, so that some restarts can be verified and others cannot. */
const ANSWERS = ["Hello world, how are you?", "Hello world, how do you do?", "Hello", "Good bye"];

const ending: fc.Arbitrary<Script> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(USAGE, undefined, { ...USAGE, outputTokens: 0 })
      .map((used) => [send(finish(used ? { usage: used } : {}))]),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...PROVIDER_FAILURES), fc.constantFrom(undefined, 0, 300, 5_000))
      .map(([failure, retryAfterMs]) => [fail(failure, retryAfterMs === undefined ? {} : { retryAfterMs })]),
  },
  { weight: 1, arbitrary: fc.constantFrom<Script>([], [hang], [crash]) },
);

/** An answer in random pieces with random pauses, ended at a random point. */
const script: fc.Arbitrary<Script> = fc
  .record({
    answer: fc.constantFrom(...ANSWERS),
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 30, maxLength: 30 }),
    pieces: fc.nat(8),
    pauseMs: fc.constantFrom(0, 0, 40, 16_000),
    early: fc.boolean(),
    ending,
  })
  .map(({ answer, sizes, pieces, pauseMs, early, ending }) => {
    const isWhole = ending.some((move) => move.do === "send");
    const moves: Move[] = early ? [headers, send(usage({ ...USAGE, outputTokens: 1 }))] : [headers];
    let position = 0;
    for (const size of sizes.slice(0, isWhole ? sizes.length : pieces)) {
      if (position >= answer.length) break;
      if (pauseMs > 0) moves.push(wait(pauseMs));
      moves.push(send(text(answer.slice(position, position + size))));
      position += size;
    }
    return [...moves, ...ending];
  });

const world = fc.record({
  scripts: fc.record({
    "a/one": fc.array(script, { minLength: 1, maxLength: 3 }),
    "a/two": fc.array(script, { minLength: 1, maxLength: 3 }),
    "b/one": fc.array(script, { minLength: 1, maxLength: 3 }),
    "c/one": fc.array(script, { minLength: 1, maxLength: 3 }),
  }),
  delivery: fc.constantFrom("LIVE" as const, "ASSURED" as const),
  acceptRestart: fc.boolean(),
  timeoutMs: fc.constantFrom(undefined, undefined, 100, 20_000),
  cancelAfterMs: fc.constantFrom(undefined, undefined, undefined, 0, 60, 10_000),
  random: fc.double({ min: 0, max: 0.99, noNaN: true }),
  /** Present: a second attempt is started after so many ms without a first token. */
  hedgeAfterMs: fc.constantFrom(undefined, 10, 60),
});

async function live(
  engine: Harness,
  over: Partial<CompletionCall>,
  cancelAfterMs: number | undefined,
): Promise<Ran> {
  const caller = new AbortController();
  const running = start(engine, { ...over, signal: caller.signal });
  if (cancelAfterMs !== undefined) {
    await vi.advanceTimersByTimeAsync(cancelAfterMs);
    caller.abort();
  }
  await vi.runAllTimersAsync();
  return running;
}

const callsOf = (engine: Harness) =>
  engine.targets.flatMap((target) => engine.callsTo(`${target.provider}/${target.model}`));

function endsOnce(engine: Harness, ran: Ran): void {
  const completed = ran.events.filter(({ kind }) => kind === "completed");
  expect(completed.length + (ran.error === undefined ? 0 : 1)).toBe(1);
  expect(completed.length === 0 || ran.events.at(-1)?.kind === "completed").toBe(true);
  expect(engine.executions).toHaveLength(1);
  expect(engine.executions[0]?.status === "ok").toBe(completed.length === 1);
  expect(vi.getTimerCount()).toBe(0);
  expect(callsOf(engine).every(({ isClosed }) => isClosed)).toBe(true);
}

function keepsItsLimits(engine: Harness, timeoutMs: number | undefined): void {
  const attempts = engine.executions[0]?.attempts ?? [];
  expect(attempts).toHaveLength(callsOf(engine).length);
  const numbers = attempts.map(({ attempt }) => attempt).sort();
  expect(numbers).toEqual(attempts.map((_, index) => index + 1));
  expect(attempts.length).toBeLessThanOrEqual(3);
  for (const id of ["a", "b", "c"]) {
    expect(attempts.filter(({ target }) => target.provider === id).length).toBeLessThanOrEqual(2);
  }
  expect(engine.executions[0]?.latencyMs).toBeLessThanOrEqual(timeoutMs ?? 300_000);
}

/** At every moment what stands at the caller is the beginning of what one attempt said. */
function neverMixes(engine: Harness, ran: Ran, call: Partial<CompletionCall>): void {
  const said = callsOf(engine).map((made) => made.text);
  ran.events.forEach((_, index) => {
    const standing = textOf({ events: ran.events.slice(0, index + 1) });
    expect(said.some((whole) => whole.startsWith(standing)) || standing === "").toBe(true);
  });
  if (!call.acceptRestart || call.delivery === "ASSURED")
    expect(ran.events.some(({ kind }) => kind === "reset")).toBe(false);
  if (call.delivery === "ASSURED" && completedOf(ran) === undefined) expect(textOf(ran)).toBe("");
}

/** Success is the whole of an answer whose provider said that it is the whole. */
function completesOnlyWholeAnswers(engine: Harness, ran: Ran): void {
  const completed = completedOf(ran);
  if (completed === undefined) return;
  const { provider, model } = completed.served;
  const served = engine.callsTo(`${provider}/${model}`).at(-1);
  expect(served?.isFinished).toBe(true);
  expect(textOf(ran)).toBe(served?.text);
  expect(completed.attempts.at(-1)).toMatchObject({ outcome: "ok", target: completed.served });
}

/** Every attempt that was told to begin is told to have ended, but for the one that served, or was under way at a stop. */
function tellsOfEveryAttempt(engine: Harness, ran: Ran): void {
  const began = ran.events.filter((event) => event.kind === "attempt_started");
  const failed = ran.events.filter((event) => event.kind === "attempt_failed");
  const records = engine.executions[0]?.attempts ?? [];
  expect(new Set(began.map(({ attempt }) => attempt)).size).toBe(began.length);
  for (const { attempt, failure, target } of failed) {
    expect(began).toContainEqual(expect.objectContaining({ attempt, target }));
    expect(records).toContainEqual(expect.objectContaining({ attempt, target, outcome: failure }));
  }
  if (completedOf(ran) !== undefined) expect(failed).toHaveLength(began.length - 1);
}

/** Each target can be asked again in time, unless only an operator can mend it: no permit was lost. */
async function givesPermitsBack(engine: Harness): Promise<void> {
  await vi.advanceTimersByTimeAsync(7_200_000);
  for (const target of engine.targets) {
    const isParked = engine.health.waitMs(target) === Number.POSITIVE_INFINITY;
    expect(engine.health.acquire(target) === undefined).toBe(isParked);
  }
}

function addsUp(engine: Harness, ran: Ran): void {
  const [execution] = engine.executions;
  const sum = (execution?.attempts ?? []).reduce((total, { costNanoUsd }) => total + costNanoUsd, 0n);
  expect(execution?.costNanoUsd).toBe(sum);
  expect(completedOf(ran)?.costNanoUsd ?? sum).toBe(sum);
  const saved = (execution?.attempts ?? []).reduce(
    (total, attempt) => total + attempt.cacheSavingNanoUsd,
    0n,
  );
  expect(execution?.cacheSavingNanoUsd).toBe(saved);
  expect(engine.attempts).toEqual(execution?.attempts);
}

it("keeps its promises whatever providers and callers do", async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ scripts, random, cancelAfterMs, timeoutMs, hedgeAfterMs, ...call }) => {
      const hedging = { enabled: hedgeAfterMs !== undefined, shareOfCalls: 0.05 };
      const engine = harness(scripts, { random, config: { hedging } });
      if (hedgeAfterMs !== undefined) knowsFirstTokens(engine, hedgeAfterMs);
      const over = { ...call, ...(timeoutMs !== undefined && { timeoutMs }) };
      const ran = await live(engine, over, cancelAfterMs);
      endsOnce(engine, ran);
      keepsItsLimits(engine, timeoutMs);
      neverMixes(engine, ran, call);
      completesOnlyWholeAnswers(engine, ran);
      addsUp(engine, ran);
      tellsOfEveryAttempt(engine, ran);
      await givesPermitsBack(engine);
    }),
    { numRuns: 500 },
  );
});
