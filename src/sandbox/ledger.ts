/** What the sandbox saw: one entry per attempt, in order, and sums. Holds no prompt, no answer and no key. */
import type { BilledTokens } from "../pricing/types.ts";
import type { Dialect } from "../providers/provider.ts";
import { NO_USAGE, type Usage } from "./answer/tokens.ts";
import type { Effect } from "./exchange/items.ts";

export type ExchangeEnd =
  | "open"
  /** The answer was sent to its end. */
  | "completed"
  /** An error was sent to its end: a status, a body or an event. */
  | "failed"
  /** The sandbox broke it off: a reset, or a body that ends too early. */
  | "cut"
  | "aborted_by_client"
  | "closed_by_sandbox";

/** What the client was told of its usage. `input`: only the prompt's part, which Anthropic tells at the start. */
export type UsageReported = "none" | "input" | "final";

export type LedgerEntry = Readonly<{
  /** From 1. */
  sequence: number;
  provider: Dialect;
  modelAsked: string;
  /** Without the fault suffix. */
  model: string;
  startedAt: Date;
  /** Since the sandbox started, on a clock that never jumps. */
  startedAtMs: number;
  stream: boolean;
  /** Absent: no header was sent. */
  status?: number;
  /** The faults injected, as they are written; "" when there were none. */
  fault: string;
  /** Tokens that reached the client: in frames, or in a whole body. */
  tokensSent: number;
  /** What would be billed: for a broken exchange what was generated so far, nothing before generation began. */
  usage: Usage;
  usageReported: UsageReported;
  end: ExchangeEnd;
  endedAtMs?: number;
  requestId: string;
  costNanoUsd: bigint;
  priceStatus: "KNOWN" | "UNKNOWN";
}>;

export type Price = Readonly<{ costNanoUsd: bigint; priceStatus: "KNOWN" | "UNKNOWN" }>;
export type PriceOf = (provider: Dialect, model: string, day: string, tokens: BilledTokens) => Price;
export type LedgerClock = Readonly<{
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Milliseconds since the sandbox started. */
  elapsedMs(): number;
}>;

export type SummaryRow = {
  readonly provider: Dialect;
  readonly model: string;
  /** Attempts seen, open ones included. */
  calls: number;
  /** Attempts that have not ended; their tokens and cost are not in the sums yet. */
  open: number;
  usage: Usage;
  costNanoUsd: bigint;
  /** Ended attempts with tokens whose price nobody knows; they add nothing to the cost. */
  unknownPrice: number;
};

/** The tokens as they are billed: disjoint kinds. */
export const billedTokens = (usage: Usage): BilledTokens => ({
  freshInputTokens: usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens,
  cachedInputTokens: usage.cachedInputTokens,
  cacheWriteTokens: usage.cacheWriteTokens,
  outputTokens: usage.outputTokens,
});

type Writable = { -readonly [Key in keyof Omit<LedgerEntry, "usage">]: LedgerEntry[Key] } & {
  readonly usage: { -readonly [Kind in keyof Usage]: number };
};
export type AttemptStart = Pick<LedgerEntry, "provider" | "modelAsked" | "model" | "stream">;

/** One exchange while it runs. What happens to it is written here and nowhere else. */
export class Attempt {
  readonly #entry: Writable;
  readonly #onEnd: (entry: Writable) => void;
  #failed = false;

  constructor(entry: Writable, onEnd: (entry: Writable) => void) {
    this.#entry = entry;
    this.#onEnd = onEnd;
  }

  get entry(): LedgerEntry {
    return this.#entry;
  }

  get isOpen(): boolean {
    return this.#entry.end === "open";
  }

  injected(fault: string): void {
    this.#entry.fault = fault;
  }

  headersSent(status: number): void {
    this.#entry.status = status;
  }

  /** Generation begins: from here on the prompt is billed. */
  begins(input: Pick<Usage, "inputTokens" | "cachedInputTokens" | "cacheWriteTokens">): void {
    this.#entry.usage.inputTokens = input.inputTokens;
    this.#entry.usage.cachedInputTokens = input.cachedInputTokens;
    this.#entry.usage.cacheWriteTokens = input.cacheWriteTokens;
  }

  /** A token was generated or something was sent. */
  played(effect: Effect): void {
    this.#entry.usage.outputTokens += effect.generated;
    this.#entry.usage.reasoningTokens += effect.reasoning;
    this.#entry.tokensSent += effect.sent;
    this.#entry.usageReported = effect.reports ?? this.#entry.usageReported;
    this.#failed ||= effect.failed;
  }

  /** Ends the attempt; the first end counts. `whole`: everything was sent. */
  end(how: "whole" | Exclude<ExchangeEnd, "open" | "completed" | "failed">): void {
    if (!this.isOpen) return;
    this.#entry.end = how === "whole" ? (this.#failed ? "failed" : "completed") : how;
    this.#onEnd(this.#entry);
  }
}

export class Ledger {
  readonly #clock: LedgerClock;
  readonly #priceOf: PriceOf;
  readonly #mostEntries: number;
  #entries: LedgerEntry[] = [];
  #sums = new Map<string, SummaryRow>();
  #sequence = 0;
  #open = 0;

  /** @param mostEntries the oldest are dropped beyond this; sums keep counting them */
  constructor(clock: LedgerClock, priceOf: PriceOf, mostEntries: number) {
    this.#clock = clock;
    this.#priceOf = priceOf;
    this.#mostEntries = mostEntries;
  }

  /** Exchanges that have not ended. */
  get openExchanges(): number {
    return this.#open;
  }

  begin(start: AttemptStart): Attempt {
    const sequence = ++this.#sequence;
    const entry: Writable = {
      ...start,
      sequence,
      startedAt: new Date(this.#clock.wallMs()),
      startedAtMs: this.#clock.elapsedMs(),
      fault: "",
      tokensSent: 0,
      usage: { ...NO_USAGE },
      usageReported: "none",
      end: "open",
      requestId: `req_sandbox${String(sequence).padStart(12, "0")}`,
      costNanoUsd: 0n,
      priceStatus: "KNOWN",
    };
    this.#keep(entry);
    this.#open++;
    const sum = this.#sumOf(entry);
    sum.calls++;
    sum.open++;
    return new Attempt(entry, (ended) => this.#ended(ended, sum));
  }

  /**
   * Entries in the order in which the attempts began. They are live: an open one changes until it ends.
   * @param since only entries with a greater sequence
   */
  entries(since = 0): readonly LedgerEntry[] {
    const first = this.#entries[0]?.sequence ?? 1;
    return this.#entries.slice(Math.max(0, since - first + 1));
  }

  /** Sums by provider and model, in order of first appearance. */
  summary(): readonly Readonly<SummaryRow>[] {
    return [...this.#sums.values()].map((row) => ({ ...row }));
  }

  /** Forgets every entry and sum; sequences go on. */
  clear(): void {
    this.#entries = [];
    this.#sums = new Map();
  }

  #keep(entry: LedgerEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > this.#mostEntries * 1.25)
      this.#entries = this.#entries.slice(-this.#mostEntries);
  }

  #sumOf({ provider, model }: LedgerEntry): SummaryRow {
    const key = `${provider}/${model}`;
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const row = { provider, model, calls: 0, open: 0, usage: NO_USAGE, costNanoUsd: 0n, unknownPrice: 0 };
    this.#sums.set(key, row);
    return row;
  }

  #ended(entry: Writable, sum: SummaryRow): void {
    this.#open--;
    sum.open--;
    entry.endedAtMs = this.#clock.elapsedMs();
    this.#bill(entry);
    sum.usage = addUsage(sum.usage, entry.usage);
    sum.costNanoUsd += entry.costNanoUsd;
    if (entry.priceStatus === "UNKNOWN") sum.unknownPrice++;
  }

  /** An attempt without tokens costs nothing, whatever the price. */
  #bill(entry: Writable): void {
    if (entry.usage.inputTokens + entry.usage.outputTokens === 0) return;
    const day = entry.startedAt.toISOString().slice(0, 10);
    Object.assign(entry, this.#priceOf(entry.provider, entry.model, day, billedTokens(entry.usage)));
  }
}

const addUsage = (a: Usage, b: Usage): Usage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
});
