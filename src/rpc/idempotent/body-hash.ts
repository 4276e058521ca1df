import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { type CompleteRequest, CompleteRequestSchema } from "../../../gen/modeltier/v1/completion_pb.js";

/** SHA-256 of a request's bytes, the same however its maps were ordered on the way here. */
export const bodyHash = (request: CompleteRequest): Uint8Array =>
  createHash("sha256")
    .update(toBinary(CompleteRequestSchema, inKeyOrder(request) as CompleteRequest))
    .digest();

/**
 * A copy with the keys of every object in order. Of messages only maps and `Struct`s show it: the order of their fields is the
 * schema's. Some clients write a map in another order every time.
 */
function inKeyOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inKeyOrder);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, inKeyOrder(member)]));
}
