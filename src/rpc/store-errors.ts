/** What a failed read or write of the database means to whoever asked. */
import { Code } from "@connectrpc/connect";
import { failureFields, isServerAnswer } from "../store/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { refusal, storeUnavailable } from "./errors.ts";

/** SQLSTATE of a statement that was ended for taking too long. */
const QUERY_CANCELED = "57014";

/**
 * Hands on what the database answers; where it fails, tells the log what and the caller what to do. Faults of ours stay as
 * they are.
 */
export async function fromStore<T>(asking: Promise<T>, log: Log): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    log.warn("The database could not be asked", failureFields(error));
    if (isServerAnswer(error) && error.code === QUERY_CANCELED) {
      const message = "the answer takes too long to work out: ask for a shorter window, or add a filter";
      throw refusal(message, Code.ResourceExhausted, "QUERY_TOO_LARGE");
    }
    throw storeUnavailable();
  }
}
