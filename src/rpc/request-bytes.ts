/** How large a request is, for those who weigh it. */
import type { HandlerContext } from "@connectrpc/connect";
import { GrpcHandlerContext } from "./grpc-context.ts";
import { LIMITS } from "./limits.ts";
import type { AnyRequest } from "./service-entry.ts";

/** What a smaller one counts as, in bytes: whatever is in it, a call takes that much. */
const LEAST_BYTES = 4_096;

/** Of native gRPC's larger ones; to keep the size of each would cost every call. */
const SIZES = new WeakMap<object, number>();

/** To be called where a message of native gRPC is decoded, which is where its size is last known. */
export function noteBytes(message: object, bytes: number): void {
  if (bytes > LEAST_BYTES) SIZES.set(message, bytes);
}

export function bytesOfRequest(request: AnyRequest, context: HandlerContext): number {
  if (context instanceof GrpcHandlerContext) return SIZES.get(request) ?? LEAST_BYTES;
  if (context.requestMethod === "GET") return LEAST_BYTES;
  return bytesOfBody(context.requestHeader.get("content-length") ?? undefined);
}

/** @param contentLength absent: it comes in chunks, and may be as long as any */
export const bytesOfBody = (contentLength: string | undefined): number =>
  contentLength === undefined
    ? LIMITS.messageBytes
    : Math.min(LIMITS.messageBytes, Math.max(LEAST_BYTES, Number(contentLength) || 0));
