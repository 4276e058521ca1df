/** Tool calls that arrive in pieces, told apart by their index. */
import { asCount, asRecord, asText } from "../json.ts";
import type { CompletionEvent } from "../provider.ts";

type PendingCall = {
  readonly ordinal: number;
  id: string;
  name: string;
  /** What came before the name was known. */
  held: string;
  announced: boolean;
};

/** More parallel calls than any model makes; a larger index is nonsense. */
const MAX_CALLS = 256;

export class ChatToolCalls {
  /** By the provider's index, a number that was checked; in order of arrival. */
  readonly #calls = new Map<number, PendingCall>();
  #last = 0;

  /** A call that never got a name: it cannot be made. */
  get hasNameless(): boolean {
    return this.#calls.values().some((call) => !call.announced);
  }

  /** The event for a piece; undefined while the call's name is unknown. "malformed" when the piece makes no sense. */
  accept(value: unknown): CompletionEvent | undefined | "malformed" {
    const piece = asRecord(value);
    const call = piece && this.#callOf(piece.index, asText(piece.id));
    if (piece === undefined || call === undefined) return "malformed";
    const target = asRecord(piece.function);
    const argumentsJson = asText(target?.arguments);
    if (call.announced) {
      if (argumentsJson === "") return undefined;
      return { kind: "tool_call", index: call.ordinal, argumentsJson };
    }
    // The first id and name count. They are whole, never in pieces, and some hosts repeat them.
    call.id ||= asText(piece.id);
    call.name ||= asText(target?.name);
    call.held += argumentsJson;
    return call.name === "" ? undefined : announce(call);
  }

  /** Hosts that leave the index out send each call whole, or its pieces one after the other. */
  #callOf(index: unknown, id: string): PendingCall | undefined {
    const isMissing = index === undefined || index === null;
    const key = isMissing ? this.#indexWithout(id) : asCount(index);
    if (key === undefined || key >= MAX_CALLS) return undefined;
    this.#last = key;
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const call = { ordinal: this.#calls.size, id: "", name: "", held: "", announced: false };
    this.#calls.set(key, call);
    return call;
  }

  #indexWithout(id: string): number {
    const isNew = id !== "" && this.#calls.get(this.#last)?.id !== id;
    return isNew ? this.#calls.size : this.#last;
  }
}

function announce(call: PendingCall): CompletionEvent {
  call.announced = true;
  const { ordinal: index, id, name, held: argumentsJson } = call;
  return { kind: "tool_call", index, id: id === "" ? `call_${index}` : id, name, argumentsJson };
}
