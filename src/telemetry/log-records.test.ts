/** X03: what the log takes. Types are the first guard; what gets past them with a cast is left out when it is written. */
import { expect, it } from "vitest";
import { createLog, type LogFields } from "./log.ts";

const SECRET = "CANARY-sk-0123456789";

/** As HTTP clients throw them: with a cause, the raw head of the request, and the headers in a configuration. */
function failure(): Error {
  const cause = new Error(`401 for ${SECRET}`);
  return Object.assign(new Error(`could not ask with ${SECRET}`, { cause }), {
    config: { headers: { authorization: `Bearer ${SECRET}` } },
    request: { _header: `POST / HTTP/1.1\r\nauthorization: Bearer ${SECRET}` },
    _header: `authorization: Bearer ${SECRET}`,
  });
}
class Request {
  url = "/";
  _header = `authorization: Bearer ${SECRET}`;
}

function linesOf(write: (log: ReturnType<typeof createLog>) => void): string {
  let text = "";
  const destination = {
    write: (line: string) => {
      text += line;
    },
  };
  write(createLog("info", { destination }));
  return text;
}

it.each<readonly [string, unknown]>([
  ["an error", failure()],
  ["an error in a field", { error: failure(), err: failure() }],
  ["a request", new Request()],
  ["a request in a field", { req: new Request(), request: new Request() }],
  ["headers", new Headers({ authorization: `Bearer ${SECRET}` })],
  ["headers in a field", { headers: { authorization: `Bearer ${SECRET}` } }],
  ["a map", new Map([["authorization", SECRET]])],
  ["a list", [SECRET, { authorization: SECRET }]],
  ["bytes in a field", { body: Buffer.from(SECRET) }],
  ["what says itself how it is written", { toJSON: () => ({ key: SECRET }) }],
])("writes nothing of %s, at every level", (_, smuggled) => {
  const fields = smuggled as LogFields;
  const text = linesOf((log) => {
    log.info("it failed", fields);
    log.warn("it failed", fields);
    log.error("it failed", fields);
  });
  expect(text.match(/"msg":"it failed"/g)).toHaveLength(3);
  expect(text).not.toContain(SECRET);
  expect(text).not.toContain("authorization");
});

it("writes the plain fields beside what it leaves out", () => {
  const fields = { code: "ECONNRESET", status: 502, isLast: true, error: failure() } as unknown as LogFields;
  const line = JSON.parse(linesOf((log) => log.warn("it failed", fields)));
  expect(line).toMatchObject({ msg: "it failed", code: "ECONNRESET", status: 502, isLast: true });
  expect(line).not.toHaveProperty("error");
});

/** Never called: the compiler reads it, and complains where one of these would be taken. */
function takesNothingElse(log: ReturnType<typeof createLog>): void {
  // @ts-expect-error an error is no record
  log.warn("it failed", failure());
  // @ts-expect-error nor may a field hold one
  log.warn("it failed", { error: failure() });
  // @ts-expect-error a request is no record
  log.error("it failed", new Request() as unknown as import("node:http").IncomingMessage);
  // @ts-expect-error headers are none
  log.error("it failed", new Headers());
  // @ts-expect-error nor may a field hold them
  log.error("it failed", { headers: { authorization: "" } });
  // @ts-expect-error a list is none
  log.info("it failed", ["key"]);
}
void takesNothingElse;
