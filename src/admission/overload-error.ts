/** Why a call was not taken: the service is short of something that other calls hold. */
export type OverloadCause =
  /** The event loop is late: the process has more to do than it gets done. */
  | "lag"
  /** The heap is nearly full. */
  | "heap"
  /** Requests in flight hold as many bytes as they may. */
  | "bytes"
  /** As many calls are in flight as may be. */
  | "calls";

const MESSAGE: Readonly<Record<OverloadCause, string>> = {
  lag: "the service has more to do than it gets done",
  heap: "the service is short of memory",
  bytes: "the requests in flight hold as many bytes as they may (MODELTIER_MAX_REQUEST_BYTES)",
  calls: "as many calls are in flight as may be (MODELTIER_MAX_CALLS)",
};

export class OverloadError extends Error {
  override readonly name = "OverloadError";
  readonly overload: OverloadCause;
  /** When it is worth trying again, in ms from now. */
  readonly retryAfterMs: number;

  constructor(overload: OverloadCause, retryAfterMs: number) {
    super(`${MESSAGE[overload]}: try again a little later, or at another replica`);
    this.overload = overload;
    this.retryAfterMs = retryAfterMs;
  }
}
