/** Reading bodies that are not streams: as much as is good for us, and no more. */
import type { BodyReader } from "./exchange.ts";
import { type JsonRecord, parseRecord } from "./json.ts";
import { type ExchangeResponse, responseHeader } from "./transport.ts";

const ERROR_BODY_WAIT_MS = 1_000;
const ERROR_OTHER_BYTES = 4 * 1024;
export const ERROR_JSON_BYTES = 64 * 1024;

/** The JSON of an error answer, as far as it comes: the status alone says enough to go on. */
export async function readErrorBody(
  response: ExchangeResponse,
  signal: AbortSignal,
): Promise<JsonRecord | undefined> {
  const isJson = mediaType(response) === "application/json";
  response.body.endWithin(ERROR_BODY_WAIT_MS);
  try {
    const { text } = await readText(response.body, isJson ? ERROR_JSON_BYTES : ERROR_OTHER_BYTES);
    return parseRecord(text);
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

/** The body up to a limit; not whole when there was more, and then the connection is closed. */
export async function readText(
  body: BodyReader,
  limitBytes: number,
): Promise<{ text: string; whole: boolean }> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let chunks: readonly Uint8Array[];
  do {
    chunks = await body.read();
    parts.push(...chunks);
    for (const chunk of chunks) bytes += chunk.length;
  } while (chunks.length > 0 && bytes <= limitBytes);
  body.release(false);
  const text = new TextDecoder().decode(Buffer.concat(parts).subarray(0, limitBytes));
  return { text, whole: bytes <= limitBytes };
}

/** The content type without its parameters, in lower case; "" when there is none. */
export function mediaType(response: ExchangeResponse): string {
  const value = responseHeader(response.headers, "content-type") ?? "";
  return (value.split(";", 1)[0] ?? "").trim().toLowerCase();
}
