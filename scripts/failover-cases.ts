/** The sixteen faults a caller meets most, and what is promised of each. */
import { Code } from "@connectrpc/connect";
import type { LedgerEntry } from "../src/sandbox/ledger.ts";
import type { Heard } from "../test/faults/rig/call.ts";
import { flap, mostAtOnce } from "../test/faults/rig/flapping.ts";
import { FALLBACK, type Rig } from "../test/faults/rig/rig.ts";
import { attemptsAt, gapsMs, trial } from "../test/faults/rig/trial.ts";

export type Result = Readonly<{
  /** What the caller saw. */
  caller: string;
  /** What the providers saw. */
  provider: string;
  kept: boolean;
}>;
export type Case = Readonly<{ fault: string; promise: string; run(rig: Rig): Promise<Result> }>;

/** The limits of production divided by ten or so, that nobody has to wait for them. */
export const LIMITS = {
  headersMs: 1_000,
  firstTokenMs: 1_500,
  byteSilenceMs: 1_000,
  contentSilenceMs: 2_000,
};
const BACK_WITHIN_MS = 5_000;
const FLAPPING_CALLERS = 4;
const PROMPT = "Say hello [tokens=60]";

type Seen = Readonly<{ heard: Heard; ledger: readonly LedgerEntry[]; atPrimary: readonly LedgerEntry[] }>;

/** One call at a primary of its own. Holds all that must hold after every fault, and throws when it does not. */
async function ask(rig: Rig, faults: string): Promise<Seen> {
  const model = rig.primary(faults);
  const seen = await trial(rig, 1, () => ({ prompt: PROMPT, model }), { ledger: "usage lost" });
  const [heard] = seen.heard;
  if (heard === undefined) throw new Error("the call was not made");
  return { heard, ledger: seen.ledger, atPrimary: attemptsAt(seen, model) };
}

const one = (fault: string, promise: string, faults: string, isKept: (seen: Seen) => boolean): Case => ({
  fault,
  promise,
  async run(rig) {
    const seen = await ask(rig, faults);
    return resultOf(seen, isKept(seen));
  },
});

const isServedAtOnce = ({ heard }: Seen): boolean =>
  heard.served === heard.asked[0] && heard.failures.length === 0;
const isServedAgain = ({ heard, atPrimary }: Seen): boolean =>
  heard.served === heard.asked[0] && atPrimary.length === 2;
const isHandedOn = ({ heard, atPrimary }: Seen): boolean =>
  heard.served === FALLBACK && atPrimary.length === 1;
const isAbout = ({ heard: { elapsedMs } }: Seen, limitMs: number): boolean =>
  elapsedMs >= limitMs && elapsedMs <= limitMs + 1_000;
const isError = ({ heard: { error } }: Seen, code: Code, reason: string): boolean =>
  error?.code === code && error.reason === reason;
const isBroken = (seen: Seen, reason: string): boolean =>
  isError(seen, Code.Unavailable, reason) && seen.heard.error?.facts.partial === "true";

export const CASES: readonly Case[] = [
  one("429 with Retry-After", "waited for, then asked again", "429-retry-after=1,once", (seen) => {
    const [waitMs = 0] = gapsMs(seen.atPrimary);
    return isServedAgain(seen) && waitMs >= 1_000 && waitMs <= 1_400;
  }),
  one("429 without Retry-After", "the next provider at once", "429", isHandedOn),
  one("500 once", "asked again after a short wait", "500,once", isServedAgain),
  one("503", "the next provider", "503", ({ heard }) => heard.served === FALLBACK),
  one("reset", "asked again on a fresh socket", "reset,once", isServedAgain),
  one("silence", "given up at the limit, the next provider", "silence", (seen) => {
    return isHandedOn(seen) && isAbout(seen, LIMITS.headersMs);
  }),
  one("slow first token", "given up at the limit, the next provider", "slow-first-token=20000", (seen) => {
    return isHandedOn(seen) && isAbout(seen, LIMITS.firstTokenMs);
  }),
  one("cut", "an error, never an end", "cut=40", (seen) => isBroken(seen, "STREAM_TRUNCATED")),
  one("stall", "an error at the limit, never a hang", "stall=40", (seen) => {
    return isBroken(seen, "STREAM_SILENT") && isAbout(seen, LIMITS.byteSilenceMs);
  }),
  one("malformed chunk", "skipped, the answer is whole", "malformed", isServedAtOnce),
  one("no terminator", "the finish reason is enough", "no-done", isServedAtOnce),
  one("context length", "told so, asked once", "context-length", (seen) => {
    return isError(seen, Code.InvalidArgument, "CONTEXT_LENGTH") && seen.ledger.length === 1;
  }),
  one("content filter", "told so, not routed around", "content-filter", (seen) => {
    return isError(seen, Code.FailedPrecondition, "CONTENT_FILTERED") && seen.ledger.length === 1;
  }),
  {
    fault: "cut, fallback refuses prefill",
    promise: "the error is the cut, no prefill is sent",
    run: cutWithoutPrefill,
  },
  {
    fault: "flapping primary",
    promise: "fallbacks serve, one probe at a time, back within 5 s",
    run: flapping,
  },
  { fault: "failover accounting", promise: "a row for each attempt, the sum is theirs", run: accounting },
];

async function cutWithoutPrefill(rig: Rig): Promise<Result> {
  for (const provider of ["anthropic", "kimi"] as const) {
    rig.sandbox.setFaults({ provider, faults: [{ fault: "refuses-prefill" }] });
  }
  const seen = await ask(rig, "cut=40");
  rig.sandbox.clearFaults();
  const isRefused = seen.ledger.some(({ status }) => status === 400);
  return resultOf(seen, !isRefused && isBroken(seen, "STREAM_TRUNCATED"));
}

async function flapping(rig: Rig): Promise<Result> {
  const { seen, probes, backAfterMs } = await flap(rig, FLAPPING_CALLERS);
  const served = seen.heard.filter(({ completed }) => completed !== undefined).length;
  return {
    caller: `${served} of ${seen.heard.length} calls answered`,
    provider: `primary: ${probes.length} probe, ${mostAtOnce(probes)} at once; back ${seconds(backAfterMs)} after its recovery`,
    kept: served === seen.heard.length && mostAtOnce(probes) <= 1 && backAfterMs <= BACK_WITHIN_MS,
  };
}

async function accounting(rig: Rig): Promise<Result> {
  const { provider, model } = { provider: "openai", model: "gpt-4o" } as const;
  rig.sandbox.setFaults({ provider, model, faults: [{ fault: "cut=40" }] });
  const ask = { model: `${provider}/${model}`, prompt: PROMPT, acceptRestart: true };
  const { heard, rows, ledger } = await trial(rig, 1, () => ask);
  rig.sandbox.clearFaults();
  const attempts = rows.flatMap((row) => row.attempts);
  const told = heard[0]?.completed?.costNanoUsd;
  const sum = attempts.reduce((total, { costNanoUsd }) => total + costNanoUsd, 0n);
  return {
    caller: `${told} nano-USD, of it ${attempts.map((row) => `${row.costNanoUsd} ${row.usageSource}`).join(", ")}`,
    provider: ledger.map((entry) => `${entry.provider}: ${entry.costNanoUsd} ${entry.end}`).join("; "),
    kept: heard[0]?.served === FALLBACK && attempts.length === ledger.length && told === sum,
  };
}

function resultOf({ heard, ledger }: Seen, kept: boolean): Result {
  const attempts = ledger.map(({ model, status, end }) => {
    return `${model.startsWith("model-") ? "primary" : "fallback"}: ${status ?? "no headers"} ${end}`;
  });
  return { caller: `${endOf(heard)}, ${seconds(heard.elapsedMs)}`, provider: attempts.join("; "), kept };
}

function endOf({ error, deltas, served = "", resets }: Heard): string {
  const pieces = deltas > 0 ? ` after ${deltas} pieces` : "";
  if (error !== undefined) return `${Code[error.code]} ${error.reason}${pieces}`;
  const from = served.startsWith("primary/") ? "primary" : "fallback";
  return `whole answer of the ${from}${resets > 0 ? ", after a reset" : ""}`;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
