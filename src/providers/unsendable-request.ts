import { type JsonRecord, parseRecord } from "./json.ts";

/** The request cannot be said in the provider's dialect. The message is a fixed sentence about which part. */
export class UnsendableRequest extends Error {
  override readonly name = "UnsendableRequest";
}

/**
 * The object that a part of a request holds as JSON; {} for "".
 * @throws UnsendableRequest when it holds anything else
 */
export function parseObject(json: string, part: string): JsonRecord {
  if (json.trim() === "") return {};
  const parsed = parseRecord(json);
  if (parsed === undefined) throw new UnsendableRequest(`${part} must be a JSON object`);
  return parsed;
}
