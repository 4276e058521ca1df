import { Code } from "@connectrpc/connect";
import pg from "pg";
import { expect, it } from "vitest";
import { createMemoryLog } from "../../test/support/memory-log.ts";
import { fromStore } from "./store-errors.ts";

const answerOfTheServer = (code: string): pg.DatabaseError =>
  Object.assign(new pg.DatabaseError("the server's words", 18, "error"), { code });

it.each([
  ["a statement that took too long", answerOfTheServer("57014"), Code.ResourceExhausted],
  ["a lock that did not come", answerOfTheServer("55P03"), Code.Unavailable],
  ["a connection that broke", new Error("Connection terminated"), Code.Unavailable],
])("tells the caller what to do about %s", async (_, failure, code) => {
  const log = createMemoryLog();
  await expect(fromStore(Promise.reject(failure), log)).rejects.toMatchObject({ code });
  expect(log.lines).toMatchObject([{ level: "warn", message: "The database could not be asked" }]);
});

it("hands on what was answered, and faults of ours", async () => {
  const log = createMemoryLog();
  expect(await fromStore(Promise.resolve(7), log)).toBe(7);
  const ours = new TypeError("undefined is not a function");
  await expect(fromStore(Promise.reject(ours), log)).rejects.toBe(ours);
  expect(log.lines).toEqual([]);
});
