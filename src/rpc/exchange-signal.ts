import type { ServerResponse } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";

/**
 * Of one HTTP exchange: aborted as soon as the caller hangs up, and at the end of a shutdown's grace for the shutdown's reason. Not once the
 * answer has left: nobody is interested then, and the exception that Node makes for an abort costs as much as a decision.
 */
export function exchangeSignal(response: ServerResponse, shutdownSignal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const hangUp = () => controller.abort(new ConnectError("the caller hung up", Code.Canceled));
  const shutDown = () => controller.abort(shutdownSignal.reason);
  if (shutdownSignal.aborted) shutDown();
  else if (response.destroyed) hangUp();
  else {
    shutdownSignal.addEventListener("abort", shutDown);
    response.once("close", () => {
      shutdownSignal.removeEventListener("abort", shutDown);
      if (!response.writableFinished) hangUp();
    });
  }
  return controller.signal;
}
