/** How a connection is made, and how long that may take. */
import type { LookupFunction, Socket } from "node:net";
import { buildConnector, errors } from "undici";
import { AddressError, type AddressRule, checkedLookup, literalOf } from "./outbound.ts";

export type ConnectorOptions = Readonly<{
  /** DNS, TCP and TLS together, in ms. */
  timeoutMs: number;
  /** How host names are resolved; absent: as the system does. */
  lookup?: LookupFunction;
  /** Where connections may lead; absent: anywhere. */
  isAllowed?: AddressRule;
}>;

/** What a socket holds while its answer is paused for a slow reader; TLS holds no more either. */
const HELD_BYTES = 16 * 1024;

/**
 * undici's own connector with a timer of ours: undici's ticks every half second and fires up to a second late, which is a
 * third of the time that there is.
 */
export function createConnector({
  timeoutMs,
  lookup,
  isAllowed,
}: ConnectorOptions): buildConnector.connector {
  const resolve = isAllowed === undefined ? lookup : checkedLookup(isAllowed, lookup);
  // One exchange to a connection: closing it stops that answer and no other, and no session can die under many at once.
  const connect = buildConnector({
    timeout: 0,
    allowH2: false,
    highWaterMark: HELD_BYTES,
    ...(resolve && { lookup: resolve }),
  } as buildConnector.BuildOptions);
  return (options, callback) => {
    const literal = literalOf(options.hostname); // which nobody looks up
    if (isAllowed !== undefined && literal !== undefined && !isAllowed(literal)) {
      queueMicrotask(() => callback(new AddressError(), null));
      return;
    }
    let isDone = false;
    const done: buildConnector.Callback = (...result) => {
      isDone = true;
      clearTimeout(timer);
      callback(...result);
    };
    const giveUp = () => {
      if (!isDone) socket.destroy(new errors.ConnectTimeoutError());
    };
    const socket = connect(options, done) as unknown as Socket; // it returns it, and its types do not say so
    // A process that stood still sees first whether it is connected by now.
    const timer = setTimeout(() => setImmediate(giveUp), timeoutMs);
  };
}
