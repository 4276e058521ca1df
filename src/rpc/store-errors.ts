/** What a failed read or write of the database means to whoever asked. */
import { Code, ConnectError } from "@connectrpc/connect";
import { failureFields, isServerAnswer } from "../store/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { refusal, storeUnavailable } from "./errors.ts";
import { InvalidRequestError } from "./validate/violations.ts";

const NOT_THE_STORES = [TypeError, RangeError, ConnectError, InvalidRequestError];

/** SQLSTATE of a statement that was ended for taking too long. */
const QUERY_CANCELED = "57014";

/**
 * Hands on what the database answers; where it fails, tells the log what and the caller what to do. Faults of ours stay as
 * they are, and so does what is refused while it is asked.
 */
export async function fromStore<T>(asking: Promise<T>, log: Log): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    if (NOT_THE_STORES.some((kind) => error instanceof kind)) throw error;
    log.warn("The database could not be asked", failureFields(error));
    if (isServerAnswer(error) && error.code === QUERY_CANCELED) {
      const message = "the answer takes too long to work out: ask for a shorter window, or add a filter";
      throw refusal(message, Code.ResourceExhausted, "QUERY_TOO_LARGE");
    }
    throw storeUnavailable();
  }
}
