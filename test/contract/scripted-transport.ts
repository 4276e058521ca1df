import { ProviderError } from "../../src/providers/provider-error.ts";
import type { ResponseHeaders, Transport } from "../../src/providers/transport.ts";

export type Script = Readonly<{
  status?: number;
  headers?: ResponseHeaders;
  /** Each is what one read gives. */
  pieces: readonly Uint8Array[];
  /** Broken: the connection is lost after the last piece. */
  ending?: "closed" | "broken";
}>;

/** Gives a response without a network, for cuttings that no network can be made to do quickly. */
export function scriptedTransport(script: Script): Transport {
  const {
    status = 200,
    headers = { "content-type": "text/event-stream" },
    pieces,
    ending = "closed",
  } = script;
  return {
    exchange: async (request, _signal, observer) => {
      observer.onHeaders();
      let next = 0;
      const read = async (): Promise<readonly Uint8Array[]> => {
        const piece = pieces[next];
        next += 1;
        if (piece !== undefined) return [piece];
        if (ending === "broken") throw new ProviderError(request.provider, "truncated");
        return [];
      };
      return { status, headers, body: { read, endWithin: () => {}, release: () => {} } };
    },
    close: async () => {},
  };
}

/** The bytes in pieces of a size; the whole as one when it is larger. */
export function cut(bytes: Uint8Array, size = bytes.length): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += size) pieces.push(bytes.subarray(start, start + size));
  return pieces;
}

export const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
