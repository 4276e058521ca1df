import type { ServerResponse } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { followSignal } from "./follow-signal.ts";

/** Of one HTTP exchange: aborted as soon as the caller hangs up, and at the end of a shutdown's grace for the shutdown's reason. */
export function exchangeSignal(response: ServerResponse, shutdownSignal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const hangUp = () => controller.abort(new ConnectError("the caller hung up", Code.Canceled));
  if (response.destroyed) hangUp();
  else {
    const unfollow = followSignal(shutdownSignal, () => controller.abort(shutdownSignal.reason));
    response.once("close", () => {
      unfollow();
      if (!response.writableFinished) hangUp(); // an answer that is out needs no error object to end it
    });
  }
  return controller.signal;
}
