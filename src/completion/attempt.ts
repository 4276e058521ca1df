/**
 * One exchange with one provider: its clocks, its end, what came out of it. Whatever the adapter does, `next` settles as
 * soon as the attempt ends, and the end is one of a few typed ones.
 */
import type { CompletionEvent, CompletionRequest, ModelProvider } from "../providers/provider.ts";
import type { ProviderErrorDetails, ProviderFailure } from "../providers/provider-error.ts";
import { ProviderError } from "../providers/provider-error.ts";
import { mostOutputTokens } from "../routing/funds.ts";
import type { AttemptTimers } from "../routing/types.ts";
import { AttemptClock } from "./attempt-clock.ts";
import type { ContentEvent } from "./events.ts";
import { OutputMeter } from "./usage.ts";

export type FinishEvent = Extract<CompletionEvent, { kind: "finish" }>;

export type AttemptEnd =
  /** The provider said that this is the end, and nothing else is success. */
  | Readonly<{ kind: "finished"; finish: FinishEvent }>
  | Readonly<{ kind: "failed"; failure: ProviderFailure; details: ProviderErrorDetails }>
  | Readonly<{ kind: "cancelled" | "deadline_exceeded" }>
  /**
   * Not wanted: it answered something else than what the caller already has, or the attempt beside it answered first.
   * `finish` when that showed only at its end.
   */
  | Readonly<{ kind: "diverged" | "hedged_out"; finish?: FinishEvent }>;

type Batch = readonly CompletionEvent[];
const NOTHING: readonly ContentEvent[] = [];

/**
 * When an answer is no longer long but without end. Cutting a healthy one would be worse than paying for a few tokens more,
 * so what came is counted low: a server may send single characters, or a hundred at a time.
 */
const RUNAWAY = {
  fewestCharactersPerToken: 3,
  mostCharactersPerToken: 64,
  spareCharacters: 16_384,
};

export class Attempt {
  readonly clock: AttemptClock;
  readonly meter = new OutputMeter();
  /** Undefined while it runs. */
  end: AttemptEnd | undefined;
  readonly #request: CompletionRequest;
  readonly #nowMs: () => number;
  readonly #onFirstToken: (ttftMs: number) => void;
  readonly #controller = new AbortController();
  readonly #iterator: AsyncIterator<Batch>;
  #resolve: (content: readonly ContentEvent[]) => void = () => {};

  /** @param onFirstToken called once, when the first content comes, before it is handed out */
  constructor(
    provider: ModelProvider,
    request: CompletionRequest,
    timers: AttemptTimers,
    nowMs: () => number,
    onFirstToken: (ttftMs: number) => void,
  ) {
    this.#request = request;
    this.#nowMs = nowMs;
    this.#onFirstToken = onFirstToken;
    this.clock = new AttemptClock(timers, nowMs, (failure) => this.#fail(failure, {}));
    const observer = { onHeaders: () => this.clock.headers(), onBytes: () => this.clock.bytes() };
    this.#iterator = open(() => provider.stream(request, this.#controller.signal, observer));
  }

  /** The content that comes next, as it came; nothing once the attempt has ended. Never rejects. */
  next(): Promise<readonly ContentEvent[]> {
    if (this.end !== undefined) return Promise.resolve(NOTHING);
    this.clock.release(this.#nowMs());
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#pull();
    });
  }

  /** Ends it from outside; the provider's connection is closed at once. The first end stands, but a
   *  finished answer may still turn out not to be wanted. */
  stop({ kind }: Readonly<{ kind: "cancelled" | "deadline_exceeded" | "diverged" | "hedged_out" }>): void {
    if (this.end === undefined) this.#abandon({ kind });
    else if (this.end.kind === "finished" && (kind === "diverged" || kind === "hedged_out")) {
      this.end = { kind, finish: this.end.finish };
    }
  }

  #pull(): void {
    ask(this.#iterator).then(this.#received, this.#threw);
  }

  readonly #received = (result: IteratorResult<Batch>): void => {
    if (this.end !== undefined) return;
    try {
      if (result.done === true) this.#fail("truncated", {});
      else this.#take(result.value);
    } catch (error) {
      this.#failWith(error); // a fault in what watches the attempt must not leave its reader waiting
    }
  };

  readonly #threw = (error: unknown): void => {
    if (this.end === undefined) this.#failWith(error);
  };

  #take(batch: Batch): void {
    const nowMs = this.#nowMs();
    const content = this.#read(batch, nowMs);
    if (this.#hasRunAway()) return;
    if (content.length === 0 && this.end === undefined) {
      this.#pull();
    } else {
      this.clock.hold(nowMs);
      this.#resolve(content);
    }
  }

  #read(batch: Batch, nowMs: number): readonly ContentEvent[] {
    let contentEvents = 0;
    for (const event of batch) {
      if (this.meter.add(event)) contentEvents += 1;
      else if (event.kind === "finish") this.#finish(event);
    }
    if (contentEvents === 0) return NOTHING;
    const isFirst = this.clock.ttftMs === undefined;
    this.clock.content(nowMs);
    if (isFirst) this.#onFirstToken(nowMs - this.clock.startedMs);
    return contentEvents === batch.length ? (batch as readonly ContentEvent[]) : batch.filter(isContent);
  }

  /** The iterator is asked once more, not closed: its connection is then free for the next call. */
  #finish(finish: FinishEvent): void {
    if (this.end !== undefined) return;
    this.end = { kind: "finished", finish };
    this.clock.stop();
    ask(this.#iterator).then(ignore, ignore);
  }

  /** Ends a runaway answer. One that has come to its end by itself is only long. */
  #hasRunAway(): boolean {
    if (this.end !== undefined || !isRunaway(this.meter, this.#request.maxOutputTokens)) return false;
    this.#fail("output_limit", {});
    return true;
  }

  #failWith(error: unknown): void {
    if (error instanceof ProviderError) {
      this.#fail(error.failure, error.details);
    } else {
      const name = error instanceof Error ? error.name.replaceAll(/\W/g, "") : typeof error;
      this.#fail("protocol", { explanation: `the adapter failed with ${name}` });
    }
  }

  #fail(failure: ProviderFailure, details: ProviderErrorDetails): void {
    this.#abandon({ kind: "failed", failure, details });
  }

  #abandon(end: AttemptEnd): void {
    this.end = end;
    this.clock.stop();
    this.#controller.abort();
    close(this.#iterator).then(ignore, ignore);
    this.#resolve(NOTHING);
  }
}

function isRunaway({ pieces, characters }: OutputMeter, maxOutputTokens: number): boolean {
  const tokens = Math.min(pieces, characters / RUNAWAY.fewestCharactersPerToken);
  const mostCharacters = maxOutputTokens * RUNAWAY.mostCharactersPerToken + RUNAWAY.spareCharacters;
  return tokens > mostOutputTokens(maxOutputTokens) || characters > mostCharacters;
}

const ignore = (): void => {};

/** An adapter that throws where it should reject is answered the same way. */
function open(stream: () => AsyncIterable<Batch>): AsyncIterator<Batch> {
  try {
    return stream()[Symbol.asyncIterator]();
  } catch (error) {
    return { next: () => Promise.reject(error) };
  }
}

function ask(iterator: AsyncIterator<Batch>): Promise<IteratorResult<Batch>> {
  try {
    return iterator.next();
  } catch (error) {
    return Promise.reject(error);
  }
}

async function close(iterator: AsyncIterator<Batch>): Promise<void> {
  await iterator.return?.();
}

function isContent(event: CompletionEvent): event is ContentEvent {
  return event.kind !== "usage" && event.kind !== "finish";
}
