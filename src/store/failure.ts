/** What a failed statement means for the rows in it, and what of it may be logged. */
import pg from "pg";
import type { LogFields } from "../telemetry/log.ts";

/**
 * SQLSTATE classes that a row brings on itself, so that sending it again changes nothing: cardinality, data exception,
 * integrity constraint, check option, program limit. Every other failure is about the server or the way there.
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
const ROW_CLASSES: ReadonlySet<string> = new Set(["21", "22", "23", "44", "54"]);

/** The server said no, in words of its own; anything else leaves open what became of the statement. */
export const isServerAnswer = (error: unknown): error is pg.DatabaseError & { code: string } =>
  error instanceof pg.DatabaseError && error.code !== undefined;

/** Whether one of the rows is at fault. A row that cannot be turned into JSON is: that throws before anything is sent. */
export const isRowAtFault = (error: unknown): boolean =>
  isServerAnswer(error)
    ? ROW_CLASSES.has(error.code.slice(0, 2))
    : error instanceof TypeError || error instanceof RangeError;

/** The statement waited for a lock for too long, or was given up for another: it has changed nothing and may go again. */
export const isContention = (error: unknown): boolean =>
  isServerAnswer(error) && (error.code === "55P03" || error.code === "40P01");

/** The server is a standby, or has become one. */
export const isReadOnly = (error: unknown): boolean => isServerAnswer(error) && error.code === "25006";

/** Names and codes. The server's text is left out where it may quote a value of the row. */
export function failureFields(error: unknown): LogFields {
  if (isServerAnswer(error)) {
    const { code, constraint, column, message } = error;
    return isRowAtFault(error)
      ? { sqlState: code, constraint, column }
      : { sqlState: code, failure: message };
  }
  if (!(error instanceof Error)) return { failure: typeof error };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { code, failure: isRowAtFault(error) ? error.name : error.message };
}
