/** POST /v1/chat/completions: one call of the engine, answered whole or in chunks. */
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { CompletionCall } from "../completion/call.ts";
import type { OnceAnswer } from "../completion/complete-once.ts";
import type { EngineEvent } from "../completion/events.ts";
import type { Door } from "../limits/limited-admission.ts";
import type { CallTracer } from "../rpc/call-tracer.ts";
import type { Log } from "../telemetry/log.ts";
import { ChunkWriter } from "./answer/chunks.ts";
import { knownOf } from "./answer/progress.ts";
import { headersOf, TRAILERS, trailersOf } from "./answer/report.ts";
import { wholeAnswer } from "./answer/whole.ts";
import { callerSignal, drained } from "./connection.ts";
import { SHUTTING_DOWN, toApiError } from "./errors.ts";
import type { ModelsDeps } from "./models.ts";
import type { ImageRules } from "./request/image.ts";
import { type ChatRequest, readRequest } from "./request/read-request.ts";

export type ChatDeps = Readonly<{
  complete(call: CompletionCall): AsyncIterable<readonly EngineEvent[]>;
  completeOnce(call: CompletionCall): Promise<OnceAnswer>;
  /** The configuration in force and what is known of the providers. */
  models(): ModelsDeps;
  rules: ImageRules;
  /** Absent: there is always room. */
  door?: Door;
  /** Aborts the calls in flight when the grace of a shutdown is over. */
  shutdownSignal: AbortSignal;
  /** Unix time in ms. */
  wallMs(): number;
  log: Log;
  /** Absent: calls are not traced. */
  tracer?: CallTracer;
}>;

/** Who asks, and who follows the call. */
export type ChatCaller = Pick<CompletionCall, "keyId" | "observer">;

/** Answers, one way or the other; never rejects. @param body parsed JSON */
export async function answerChat(
  body: unknown,
  headers: IncomingHttpHeaders,
  response: ServerResponse,
  deps: ChatDeps,
  caller: ChatCaller,
): Promise<void> {
  try {
    const created = Math.floor(deps.wallMs() / 1000);
    const request = readRequest(body, headers, { ...deps.models(), ...deps });
    const call = { ...request.call, ...caller, signal: callerSignal(response, deps.shutdownSignal) };
    if (request.isStreamed) await stream(call, request, created, response, deps);
    else await sendWhole(call, request, created, response, deps);
  } catch (error) {
    fail(error, response, deps);
  }
}

async function sendWhole(
  call: CompletionCall,
  { ignored }: ChatRequest,
  created: number,
  response: ServerResponse,
  { completeOnce }: ChatDeps,
): Promise<void> {
  const answer = await completeOnce(call);
  sendJson(response, 200, headersOf(knownOf(answer), ignored), JSON.stringify(wholeAnswer(answer, created)));
}

/**
 * The status waits for the first content, so that a failure before it is a status as well, which clients can act on: a
 * failure inside a stream is not repeated by any. While the caller reads slowly nothing more is asked of the engine, which
 * in turn pauses the provider.
 */
async function stream(
  call: CompletionCall,
  { ignored, includeUsage }: ChatRequest,
  created: number,
  response: ServerResponse,
  { complete }: ChatDeps,
): Promise<void> {
  const chunks = new ChunkWriter({ created, includeUsage });
  for await (const events of complete(call)) {
    const text = chunks.write(events);
    if (text === "") continue;
    if (!response.headersSent) response.writeHead(200, streamHeaders(chunks, ignored));
    else if (chunks.isDone) response.addTrailers(trailersOf(chunks.known));
    if (chunks.isDone) response.end(text);
    else if (!response.write(text)) await drained(response);
  }
}

const streamHeaders = ({ known, isDone }: ChunkWriter, ignored: readonly string[]) => ({
  ...STREAM_HEADERS,
  ...headersOf(known, ignored),
  ...(isDone ? {} : { trailer: TRAILERS }),
});

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no", // or nginx would hold the chunks back
};

/** With a status where one can still be given; else in the stream, which then has no `[DONE]`. */
function fail(error: unknown, response: ServerResponse, { shutdownSignal, log }: ChatDeps): void {
  if (response.destroyed) return; // the caller has gone, and the engine has recorded that
  const apiError = shutdownSignal.aborted ? SHUTTING_DOWN : toApiError(error, log);
  if (response.headersSent) response.end(`data: ${apiError.json}\n\n`);
  else sendJson(response, apiError.details.status, apiError.headers, apiError.json);
}

function sendJson(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  json: string,
): void {
  const body = Buffer.from(json);
  response
    .writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "content-length": body.length,
      ...headers,
    })
    .end(body);
}
