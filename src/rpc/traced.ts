/** Services whose calls are traced, the same on both listeners. Without a tracer nothing here is on a call's way. */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { type Batched, batchesOf } from "./batched.ts";
import type { CallTracer, RpcTrace } from "./call-tracer.ts";
import { type AnyMethod, answersOnce, type ServiceEntry } from "./service-entry.ts";

const TRACE = createContextKey<RpcTrace | undefined>(undefined, { description: "the call's trace" });

/** The trace of the call that is being handled. */
export const findTrace = ({ values }: HandlerContext): RpcTrace | undefined => values.get(TRACE);

/** The same service with every call traced. It goes around `guard`, to see failures as the caller does. */
export function traced({ service, implementation }: ServiceEntry, tracer: CallTracer): ServiceEntry {
  const methods = service.methods.map((method) => {
    const run = implementation[method.localName];
    if (run === undefined) throw new Error(`${service.typeName}.${method.name} has no implementation`);
    const trace = answersOnce(method) ? traceUnary : traceStream;
    return [method.localName, trace(method, run, tracer)];
  });
  return { service, implementation: Object.fromEntries(methods) };
}

function traceUnary(method: DescMethod, run: AnyMethod, tracer: CallTracer): AnyMethod {
  return (request, context) => {
    const trace = start(method, context, tracer);
    const fail = (error: unknown): never => {
      trace.end(codeOf(error));
      throw error;
    };
    const succeed = (response: Message): Message => {
      trace.end();
      return response;
    };
    try {
      const response = run(request, context) as Message | Promise<Message>;
      return response instanceof Promise ? response.then(succeed, fail) : succeed(response);
    } catch (error) {
      return fail(error);
    }
  };
}

function traceStream(method: DescMethod, run: AnyMethod, tracer: CallTracer): AnyMethod {
  return (request, context) => {
    const trace = start(method, context, tracer);
    const events = (run(request, context) as AsyncIterable<Message>)[Symbol.asyncIterator]();
    const batches = batchesOf(events);
    const fail = (error: unknown): never => {
      trace.end(codeOf(error));
      throw error;
    };
    const stream: AsyncIterableIterator<Message> & Batched<Message> = {
      [Symbol.asyncIterator]: () => stream,
      next: () =>
        events.next().then((result) => {
          if (result.done) trace.end();
          return result;
        }, fail),
      nextBatch: () =>
        batches.nextBatch().then((batch) => {
          if (batch === undefined) trace.end();
          return batch;
        }, fail),
      return: async () => {
        await events.return?.();
        trace.end(codeOf(context.signal.aborted ? context.signal.reason : GONE));
        return { done: true, value: undefined };
      },
    };
    return stream;
  };
}

/** Whoever stops reading a stream before its end has cancelled it. */
const GONE = new ConnectError("the caller reads no further", Code.Canceled);

function start(method: DescMethod, context: HandlerContext, tracer: CallTracer): RpcTrace {
  const { requestHeader, protocolName, values } = context;
  const system = protocolName === "connect" ? "connectrpc" : "grpc";
  const name = `${method.parent.typeName}/${method.name}`;
  const trace = tracer.startRpc(system, name, (header) => requestHeader.get(header));
  values.set(TRACE, trace);
  return trace;
}

const codeOf = (error: unknown): string => codeToString(ConnectError.from(error).code);
