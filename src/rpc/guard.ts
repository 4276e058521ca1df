/** What stands around every RPC, once, whatever the listener: who may call it, and how its failures reach the caller. */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Log } from "../telemetry/log.ts";
import type { Admit } from "./admit.ts";
import { type Batched, batchesOf } from "./batched.ts";
import { toConnectError } from "./errors.ts";
import { heldStream, heldUnary } from "./held.ts";
import { type AnyMethod, answersOnce, type ServiceEntry } from "./service-entry.ts";
import type { FieldStyle } from "./validate/violations.ts";

export type GuardOptions = Readonly<{
  /** What stands before a method: throws when the caller may not call it. Throws at once for a method without a rule. */
  authorize: (method: DescMethod) => (context: HandlerContext) => void;
  /** What a method waits for beside that: room, while the service is short of it. Absent: no method does. */
  admit?: (method: DescMethod) => Admit | undefined;
  log: Log;
}>;

/** The same service with every method guarded. */
export function guard({ service, implementation }: ServiceEntry, options: GuardOptions): ServiceEntry {
  const guarded = service.methods.map((method) => {
    const plain = implementation[method.localName];
    if (plain === undefined) throw new Error(`${service.typeName}.${method.name} has no implementation`);
    const run = held(method, plain, options);
    return [
      method.localName,
      answersOnce(method) ? guardUnary(method, run, options) : guardStream(method, run, options),
    ];
  });
  return { service, implementation: Object.fromEntries(guarded) };
}

function held(method: DescMethod, run: AnyMethod, { admit: admitFor }: GuardOptions): AnyMethod {
  const admit = admitFor?.(method);
  if (admit === undefined) return run;
  return answersOnce(method) ? heldUnary(run, admit) : heldStream(run, admit);
}

/** Adds no promise of its own: an implementation that answers at once is answered at once. */
function guardUnary(method: DescMethod, run: AnyMethod, options: GuardOptions): AnyMethod {
  const { log } = options;
  const authorize = options.authorize(method);
  return (request, context) => {
    const fail = (error: unknown): never => {
      throw toConnectError(error, { style: fieldStyleOf(context), method, log, signal: context.signal });
    };
    try {
      authorize(context);
      const response = run(request, context);
      return response instanceof Promise ? response.catch(fail) : response;
    } catch (error) {
      return fail(error);
    }
  };
}

/** Wraps the iterator and not only the call: a stream fails long after its method has returned. */
function guardStream(method: DescMethod, run: AnyMethod, options: GuardOptions): AnyMethod {
  const { log } = options;
  const authorize = options.authorize(method);
  return (request, context) => {
    const fail = (error: unknown): never => {
      throw toConnectError(error, { style: fieldStyleOf(context), method, log, signal: context.signal });
    };
    let events: AsyncIterator<Message> | undefined;
    let batches: Batched<Message> | undefined;
    const start = (): AsyncIterator<Message> => {
      authorize(context);
      return (run(request, context) as AsyncIterable<Message>)[Symbol.asyncIterator]();
    };
    const guarded = <T>(next: () => Promise<T>): Promise<T> => {
      try {
        return next().catch(fail);
      } catch (error) {
        return Promise.reject(error).catch(fail);
      }
    };
    // No generator: it would add its own promises to every event.
    const stream: AsyncIterableIterator<Message> & Batched<Message> = {
      [Symbol.asyncIterator]: () => stream,
      next: () =>
        guarded(() => {
          events ??= start();
          return events.next();
        }),
      nextBatch: () =>
        guarded(() => {
          events ??= start();
          batches ??= batchesOf(events);
          return batches.nextBatch();
        }),
      return: () => events?.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    };
    return stream;
  };
}

/** JSON callers write lowerCamelCase. Read only when there is an error to word. */
export function fieldStyleOf({
  protocolName,
  requestMethod,
  requestHeader,
  url,
}: HandlerContext): FieldStyle {
  if (requestMethod === "GET") return url.includes("encoding=json") ? "json" : "proto";
  return protocolName !== "grpc" && requestHeader.get("content-type")?.includes("json") ? "json" : "proto";
}
