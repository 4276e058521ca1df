import type { Dispatcher } from "undici";
import { connectionFailure } from "./connection-failure.ts";
import type { ExchangeObserver } from "./provider.ts";
import { ProviderError } from "./provider-error.ts";
import type { ExchangeResponse, ResponseHeaders } from "./transport.ts";

/** Reads the body of one response. One reader, one read at a time. */
export interface BodyReader {
  /**
   * Everything that arrived since the last read, waiting while that is nothing; empty at the end of the body.
   * Rejects with ProviderError `truncated` when the connection broke, or with `signal.reason`.
   */
  read(): Promise<readonly Uint8Array[]>;
  /** From now on the body ends after `limitMs` at the latest, as if the sender had ended it. */
  endWithin(limitMs: number): void;
  /** Gives the connection up: closed, or, when the answer is `whole`, kept for the next request once its last bytes are in. */
  release(whole: boolean): void;
}

/** A slow reader holds this much, and one more chunk; then the sender is made to wait. */
const HIGH_WATER_BYTES = 32 * 1024;
/** What may still come after a whole answer, before its connection is not worth keeping. */
const DRAIN_BYTES = 64 * 1024;
const DRAIN_MS = 500;

const ABANDONED = new Error("the exchange was given up");

/**
 * One request on its way and its response, as undici calls back. It is not built on undici's `request`, whose body is a Node
 * stream (more work for each chunk than all of our reading) and whose abort waits for a connection that is still being made.
 */
export class Exchange implements Dispatcher.DispatchHandler, BodyReader {
  readonly #provider: string;
  readonly #signal: AbortSignal;
  readonly #observer: ExchangeObserver;
  readonly #resolve: (response: ExchangeResponse) => void;
  readonly #reject: (reason: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #state: "waiting" | "reading" | "draining" | "ended" | "failed" = "waiting";
  #failure: unknown;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    provider: string,
    signal: AbortSignal,
    observer: ExchangeObserver,
    resolve: (response: ExchangeResponse) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#provider = provider;
    this.#signal = signal;
    this.#observer = observer;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, not aborted: undici then drops the request and keeps the connection that it was about to use.
    if (this.#state === "failed") throw ABANDONED;
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ResponseHeaders,
  ): void {
    if (status < 200) return;
    this.#state = "reading";
    this.#observer.onHeaders();
    this.#resolve({ status, headers, body: this });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#state === "draining") {
      if (this.#bytes > DRAIN_BYTES) controller.abort(ABANDONED);
      return;
    }
    this.#observer.onBytes();
    this.#chunks.push(chunk);
    if (this.#bytes > HIGH_WATER_BYTES) controller.pause();
    this.#wakeReader();
  }

  onResponseEnd(): void {
    this.#finish("ended");
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#state === "waiting") {
      this.#fail(connectionFailure(this.#provider, error));
    } else if (this.#state === "reading") {
      const explanation = "the connection broke inside the answer";
      this.#fail(new ProviderError(this.#provider, "truncated", { explanation }));
    } else {
      clearTimeout(this.#timer);
    }
  }

  async read(): Promise<readonly Uint8Array[]> {
    // Only now: a reader that is still busy with the last bytes holds no others.
    if (this.#isWaiting && this.#controller?.paused) this.#controller.resume();
    if (this.#isWaiting) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    const chunks = this.#chunks;
    if (chunks.length > 0) {
      this.#chunks = [];
      this.#bytes = 0;
    } else if (this.#state === "failed") {
      throw this.#failure;
    }
    return chunks;
  }

  get #isWaiting(): boolean {
    return this.#chunks.length === 0 && this.#state === "reading";
  }

  endWithin(limitMs: number): void {
    if (this.#state !== "reading" || this.#timer !== undefined) return;
    // What arrived while the process stood still is read first.
    this.#timer = setTimeout(() => setImmediate(this.#endLate), limitMs).unref();
  }

  readonly #endLate = (): void => {
    if (this.#state === "reading") this.#giveUp();
  };

  release(whole: boolean): void {
    if (this.#state !== "reading") return;
    this.#chunks = [];
    this.#bytes = 0;
    if (whole) this.#drain();
    else this.#giveUp();
  }

  readonly #onAbort = (): void => {
    this.#chunks = [];
    this.#fail(this.#signal.reason);
    this.#controller?.abort(ABANDONED);
  };

  #drain(): void {
    this.#finish("draining");
    this.#timer = setTimeout(() => this.#controller?.abort(ABANDONED), DRAIN_MS).unref();
    if (this.#controller?.paused) this.#controller.resume();
  }

  #giveUp(): void {
    this.#finish("ended");
    this.#controller?.abort(ABANDONED);
  }

  #fail(reason: unknown): void {
    this.#failure = reason;
    if (this.#state === "waiting") this.#reject(reason);
    this.#finish("failed");
  }

  #finish(state: "draining" | "ended" | "failed"): void {
    this.#state = state;
    this.#signal.removeEventListener("abort", this.#onAbort);
    clearTimeout(this.#timer);
    this.#wakeReader();
  }

  #wakeReader(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
