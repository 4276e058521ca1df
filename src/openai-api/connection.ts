/** The caller's end of an HTTP exchange. */
import type { ServerResponse } from "node:http";
import { exchangeSignal } from "../rpc/exchange-signal.ts";
import { LIMITS } from "../rpc/limits.ts";

/** For the error of a call whose time is up to leave. */
const GOODBYE_MS = 1_000;

/**
 * Aborted as soon as the caller hangs up, and at the end of a shutdown's grace. A caller that stays and reads nothing is
 * cut off when no call could still be running.
 */
export function callerSignal(response: ServerResponse, shutdownSignal: AbortSignal): AbortSignal {
  const timer = setTimeout(() => response.destroy(), LIMITS.callMs + GOODBYE_MS);
  response.once("close", () => clearTimeout(timer));
  return exchangeSignal(response, shutdownSignal);
}

/** Resolves when the caller has read enough to be sent more, or has hung up. */
export const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
    if (response.destroyed || !response.writableNeedDrain) done();
  });
