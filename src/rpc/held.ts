/** Calls that need a place, and leave it when they are over. Calls that are let in at once wait for nothing. */
import type { Message } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Leavable } from "../limits/limited-admission.ts";
import type { Admit } from "./admit.ts";
import { type Batched, batchesOf } from "./batched.ts";
import { GrpcHandlerContext } from "./grpc-context.ts";
import type { AnyMethod, AnyRequest } from "./service-entry.ts";

/** The same unary method, run while it holds a place. */
export const heldUnary =
  (run: AnyMethod, admit: Admit): AnyMethod =>
  (request, context) => {
    const place = admit(request, context);
    if (!(place instanceof Promise)) return runUnary(run, request, context, place);
    return place.then((given) => runUnary(run, request, context, given) as Message | Promise<Message>);
  };

function runUnary(run: AnyMethod, request: AnyRequest, context: HandlerContext, place: Leavable) {
  let isRunning = false;
  try {
    const response = run(request, context);
    isRunning = response instanceof Promise;
    return isRunning ? (response as Promise<Message>).finally(() => place.leave()) : response;
  } finally {
    if (!isRunning) place.leave();
  }
}

/** The same stream, begun once it has a place. Whoever reads its batches has to `return` it, whatever its end. */
export const heldStream =
  (run: AnyMethod, admit: Admit): AnyMethod =>
  (request, context) => {
    const start = () => (run(request, context) as AsyncIterable<Message>)[Symbol.asyncIterator]();
    const stream = new HeldStream(admit(request, context), start);
    // Over HTTP a stream may be left where it stands once its caller is gone.
    if (!(context instanceof GrpcHandlerContext))
      context.signal.addEventListener("abort", stream.leave, { once: true });
    return stream;
  };

class HeldStream implements AsyncIterableIterator<Message>, Batched<Message> {
  readonly #place: Leavable | Promise<Leavable>;
  readonly #start: () => AsyncIterator<Message>;
  #events: AsyncIterator<Message> | undefined;
  #batches: Batched<Message> | undefined;
  #isOver = false;

  constructor(place: Leavable | Promise<Leavable>, start: () => AsyncIterator<Message>) {
    this.#place = place;
    this.#start = start;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Message>> {
    try {
      const result = (await (await this.#begun())?.next()) ?? END;
      if (result.done) this.leave();
      return result;
    } catch (error) {
      this.leave(); // nobody returns a stream that has failed
      throw error;
    }
  }

  /** The readers of batches add no promise to each of them: they return the stream when it is over. */
  nextBatch(): Promise<readonly Message[] | undefined> {
    if (this.#batches !== undefined) return this.#batches.nextBatch();
    const begun = this.#begun();
    return begun instanceof Promise
      ? begun.then((events) => this.#nextBatch(events))
      : this.#nextBatch(begun);
  }

  async return(): Promise<IteratorResult<Message>> {
    try {
      await this.#events?.return?.();
    } finally {
      this.leave();
    }
    return END;
  }

  async #nextBatch(events: AsyncIterator<Message> | undefined): Promise<readonly Message[] | undefined> {
    if (events === undefined) return undefined;
    this.#batches ??= batchesOf(events);
    return this.#batches.nextBatch();
  }

  #begun(): AsyncIterator<Message> | undefined | Promise<AsyncIterator<Message> | undefined> {
    if (this.#events !== undefined) return this.#events;
    return this.#place instanceof Promise ? this.#place.then(() => this.#begin()) : this.#begin();
  }

  /** Undefined: whoever asked went away while it waited for a place. */
  #begin(): AsyncIterator<Message> | undefined {
    if (this.#isOver) return undefined;
    try {
      this.#events ??= this.#start();
      return this.#events;
    } catch (error) {
      this.leave(); // a request that is refused has no events to return
      throw error;
    }
  }

  readonly leave = (): void => {
    this.#isOver = true;
    if (this.#place instanceof Promise) this.#place.then((place) => place.leave(), noPlace);
    else this.#place.leave();
  };
}

const noPlace = (): void => {};
const END = { done: true, value: undefined } as const;
