import pg from "pg";
import { describe, expect, it } from "vitest";
import { failureFields, isRowAtFault } from "./failure.ts";

function serverSays(code: string, message: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(message, message.length, "error"), { code });
}

describe("a failed statement", () => {
  it.each(["22P02", "22003", "23502", "23514", "54000"])("is the row's fault with SQLSTATE %s", (code) => {
    expect(isRowAtFault(serverSays(code, "no"))).toBe(true);
  });

  it.each(["08006", "25006", "28P01", "40001", "42P01", "53300", "55P03", "57014", "57P01", "XX000"])(
    "is worth another try with SQLSTATE %s",
    (code) => {
      expect(isRowAtFault(serverSays(code, "no"))).toBe(false);
    },
  );

  it("is worth another try when the server could not be reached", () => {
    expect(isRowAtFault(new Error("connect ECONNREFUSED"))).toBe(false);
  });

  it("is the row's fault when the row cannot be written down", () => {
    expect(isRowAtFault(new TypeError("Do not know how to serialize a BigInt"))).toBe(true);
  });

  it("is logged without the values that the server quotes", () => {
    const error = serverSays("22P02", 'invalid input syntax for type integer: "confidential"');
    expect(failureFields(error)).toEqual({ sqlState: "22P02", constraint: undefined, column: undefined });
  });

  it("is logged with the server's reason when that is about the server", () => {
    const error = serverSays("53300", "sorry, too many clients already");
    expect(failureFields(error)).toEqual({ sqlState: "53300", failure: "sorry, too many clients already" });
  });

  it("is logged by its code when there is no text, as for a host with several addresses", () => {
    const error = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" });
    expect(failureFields(error)).toEqual({ code: "ECONNREFUSED", failure: "" });
  });
});
