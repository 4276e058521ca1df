/** Turns a Connect service implementation into one that grpc-js can serve: one code path behind both listeners. */
import { type DescMethod, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { batchesOf } from "./batched.ts";
import { encode } from "./encoder.ts";
import { grpcStatusOf } from "./errors.ts";
import { type Frames, framesOf } from "./frames.ts";
import { type GrpcCall, GrpcHandlerContext } from "./grpc-context.ts";
import { LIMITS } from "./limits.ts";
import { messagesOf } from "./messages-of.ts";
import { noteBytes } from "./request-bytes.ts";
import type { ServiceEntry } from "./service-entry.ts";
import { undecodable } from "./undecodable.ts";
import { asSerialized } from "./write-ahead.ts";

/** What a request decodes to when its bytes are not the message they claim to be. */
class Undecodable {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** The service as grpc-js wants it described: paths and codecs. */
export function grpcDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, methodDefinition(method)]));
}

/** The handlers serialize, because `writeAhead` has to know how long a message is. */
function methodDefinition(method: DescMethod): MethodDefinition<Message, Message | Buffer> {
  const responseStream = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream,
    requestSerialize: (message) => asBuffer(toBinary(method.input, message)),
    requestDeserialize: (bytes) => decode(method, bytes) as Message,
    responseSerialize: asSerialized,
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** grpc-js answers a decoding error with INTERNAL; the caller's bad bytes are INVALID_ARGUMENT, so they are carried on. */
function decode(method: DescMethod, bytes: Uint8Array): Message | Undecodable {
  try {
    const message = fromBinary(method.input, bytes);
    noteBytes(message, bytes.length);
    return message;
  } catch {
    return new Undecodable(undecodable(method));
  }
}

/** Handlers by method name, for `Server.addService` beside `grpcDefinition`. */
export function grpcHandlers(
  { service, implementation }: ServiceEntry,
  shutdownSignal: AbortSignal,
): UntypedServiceImplementation {
  return Object.fromEntries(
    service.methods.map((method) => {
      const run = implementation[method.localName];
      if (run === undefined)
        throw new Error(`${method.parent.typeName}.${method.name} has no implementation`);
      switch (method.methodKind) {
        case "unary":
          return [method.localName, unaryHandler(method, run, shutdownSignal)];
        case "server_streaming":
          return [method.localName, streamHandler(method, run, shutdownSignal)];
        case "client_streaming":
          return [method.localName, clientStreamHandler(method, run, shutdownSignal)];
        default:
          throw new Error(`${method.name}: streams both ways are not part of this contract`);
      }
    }),
  );
}

type Implementation = ServiceEntry["implementation"][string];

function unaryHandler(
  method: DescMethod,
  run: Implementation,
  shutdownSignal: AbortSignal,
): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    const context = new GrpcHandlerContext(call, method, shutdownSignal);
    const { succeed, fail } = answering(call, callback, context);
    try {
      checkCall(call.metadata, call.request);
      const result = run(call.request as Message, context) as Message | Promise<Message>;
      if (result instanceof Promise) result.then(succeed).catch(fail);
      else succeed(result);
    } catch (error) {
      fail(error);
    }
  };
}

/** The one answer of a call, or its one failure. */
function answering(
  call: GrpcCall,
  callback: sendUnaryData<unknown>,
  context: GrpcHandlerContext,
): Readonly<{ succeed(response: Message): void; fail(error: unknown): void }> {
  return {
    succeed: (response) => {
      const bytes = asBuffer(encode(context.method.output, response));
      context.answered();
      const { header, trailer } = context.outgoing;
      if (header !== undefined) call.sendMetadata(metadataOf(header));
      callback(null, bytes, trailer === undefined ? undefined : metadataOf(trailer));
    },
    fail: (error) => {
      context.answered();
      callback(statusFor(error, context));
    },
  };
}

function clientStreamHandler(
  method: DescMethod,
  run: Implementation,
  shutdownSignal: AbortSignal,
): handleClientStreamingCall<unknown, unknown> {
  return (call, callback) => {
    const context = new GrpcHandlerContext(call, method, shutdownSignal);
    const { succeed, fail } = answering(call, callback, context);
    const respond = async (): Promise<Message> => {
      const check = (message: unknown) => checkCall(call.metadata, message);
      check(undefined);
      return (await run(messagesOf(call, context.signal, check), context)) as Message;
    };
    respond().then(succeed).catch(fail);
  };
}

function streamHandler(
  method: DescMethod,
  run: Implementation,
  shutdownSignal: AbortSignal,
): handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    const context = new GrpcHandlerContext(call, method, shutdownSignal);
    pump(call, context, run).then(
      () => {
        context.answered();
        const { trailer } = context.outgoing;
        call.end(trailer === undefined ? undefined : metadataOf(trailer));
      },
      (error: unknown) => {
        context.answered();
        call.emit("error", statusFor(error, context));
      },
    );
  };
}

const SENT: readonly Message[] = [];

/** Writes events as they come and waits while the caller is slow to read; leaves the iterator when the caller is gone. */
async function pump(
  call: ServerWritableStream<unknown, unknown>,
  context: GrpcHandlerContext,
  run: Implementation,
): Promise<void> {
  checkCall(call.metadata, call.request);
  const { signal, method } = context;
  const events = (run(call.request as Message, context) as AsyncIterable<Message>)[Symbol.asyncIterator]();
  const batches = batchesOf(events);
  try {
    let headersSent = false;
    for (let batch = await batches.nextBatch(); batch; batch = await batches.nextBatch()) {
      if (!headersSent && context.outgoing.header !== undefined)
        call.sendMetadata(metadataOf(context.outgoing.header));
      headersSent = true;
      const sent = batch.length > 0 ? send(call, framesOf(method.output, batch), signal) : undefined;
      batch = SENT; // this frame would keep the messages while the caller is slow to read
      if (sent !== undefined) await sent;
      if (signal.aborted) return;
    }
  } finally {
    await events.return?.();
  }
}

/** Undefined when the message went on at once; a promise of that while the caller has too much that he has not read. */
function send(
  call: ServerWritableStream<unknown, unknown>,
  frames: Frames,
  signal: AbortSignal,
): Promise<void> | undefined {
  let resume = (): void => {};
  call.write(frames, () => resume());
  if (call.writableLength === 0) return undefined;
  return new Promise((resolve) => {
    resume = () => {
      signal.removeEventListener("abort", resume);
      resolve();
    };
    signal.addEventListener("abort", resume);
    if (signal.aborted) resume();
  });
}

function checkCall(metadata: Metadata, request: unknown): void {
  const bytes = bytesOf(metadata);
  if (bytes > LIMITS.metadataBytes) {
    throw new ConnectError(
      `request metadata is ${bytes} bytes; the limit is ${LIMITS.metadataBytes}`,
      Code.ResourceExhausted,
    );
  }
  if (request instanceof Undecodable) throw new ConnectError(request.message, Code.InvalidArgument);
}

/** Names with all of their values. `getMap` alone shows the first of each, and grpc-js makes several of a binary one with commas. */
function bytesOf(metadata: Metadata): number {
  let bytes = 0;
  for (const name in metadata.getMap()) {
    bytes += name.length;
    for (const value of metadata.get(name)) bytes += value.length;
  }
  return bytes;
}

function statusFor(error: unknown, context: GrpcHandlerContext): StatusObject {
  const { code, details, header } = grpcStatusOf(error);
  const metadata = metadataOf(header);
  const { trailer } = context.outgoing;
  if (trailer !== undefined) metadata.merge(metadataOf(trailer));
  return { code, details, metadata };
}

export function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) {
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}
