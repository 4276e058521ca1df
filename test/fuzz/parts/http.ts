/** HTTP/1.1: requests as a client would send them, several on a connection, with bytes and lines struck, at every kind of route. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { at, flipAt, insertAt, position } from "../bytes.ts";
import { LEAKS } from "../leaks.ts";
import { Outcomes, type Part } from "../part.ts";
import { ADMIN, type Target } from "../target.ts";
import { send } from "../wire.ts";

/** What one connection sends, in base64, and whether its sender says that nothing follows. Many at once are one input. */
type Exchange = Readonly<{ bytes: string; halfClose: boolean }>;
type Mutation = (bytes: Buffer) => Buffer;

const MOST_CONNECTIONS = 80;
const MOST_REQUESTS = 4;
const SILENCE_MS = 100;
/** "not served" and "busy" are answers; every other 5xx would say that the caller's bytes broke something. */
const SERVER_ERRORS = /^HTTP\/1\.1 (?:500|502|504)/m;

const request = (line: string, fields: readonly string[], body = ""): Buffer =>
  Buffer.from(
    [`${line} HTTP/1.1`, "host: 127.0.0.1", `authorization: Bearer ${ADMIN}`, ...fields, "", body].join(
      "\r\n",
    ),
    "latin1",
  );

const post = (path: string, body: unknown, ...more: readonly string[]): Buffer => {
  const text = JSON.stringify(body);
  const fields = ["content-type: application/json", `content-length: ${text.length}`, ...more];
  return request(`POST ${path}`, fields, text);
};

const CHAT = { model: "fast", messages: [{ role: "user", content: "[tokens=3] Hello" }] };
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

const REQUESTS: readonly Buffer[] = [
  post("/v1/chat/completions", CHAT),
  post("/v1/chat/completions", { ...CHAT, stream: true }, "x-modeltier-agent-id: fuzz"),
  request(
    "POST /v1/chat/completions",
    ["content-type: application/json", "transfer-encoding: chunked"],
    chunked(JSON.stringify(CHAT)),
  ),
  post("/v1/chat/completions", CHAT, "expect: 100-continue", "authorization: Bearer mt_none"),
  request("GET /v1/models", []),
  request("GET /v1/models/openai/gpt-4o-mini", ["accept-encoding: gzip"]),
  post("/modeltier.v1.RouterService/Route", { agentId: "fuzz" }, "connect-timeout-ms: 2000"),
  post("/modeltier.v1.RouterService/Route", { agentId: "fuzz" }, "connect-protocol-version: 1"),
  request("GET /modeltier.v1.ProviderService/ListProviders?encoding=json&message=%7B%7D&connect=v1", []),
  request("GET /metrics", ["accept: text/plain"]),
  request("GET /admin/", ["cookie: modeltier_session=none"]),
  request("GET /admin/executions?page=2", ["sec-fetch-site: same-origin"]),
  request("GET /readyz", []),
  request("HEAD /healthz", ["connection: keep-alive"]),
  request("OPTIONS /v1/chat/completions", ["origin: http://elsewhere.test"]),
  request("GET /", ["connection: upgrade", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__"]),
];

const PIECES = [
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\0",
  "\u00ff",
  ":",
  " ",
  "%00",
  "%",
  "//",
  "../",
  "?",
  "#",
  "http://[::1",
  "content-length: 5\r\n",
  "content-length: -1\r\n",
  "content-length: 99999999999999999999\r\n",
  "transfer-encoding: chunked\r\n",
  "transfer-encoding: gzip, chunked\r\n",
  "content-encoding: gzip\r\n",
  "content-type: application/grpc-web+proto\r\n",
  "content-type: application/connect+json\r\n",
  "content-type: application/proto\r\n",
  "host: [::1\r\n",
  "connect-timeout-ms: 99999999999\r\n",
  "grpc-timeout: 1n\r\n",
  "x-modeltier-step: {\r\n",
  "ffffffffffffffff\r\n",
  `x-long: ${"a".repeat(20_000)}\r\n`,
].map((piece) => Buffer.from(piece, "latin1"));

const onLines =
  (change: (lines: string[]) => string[]): Mutation =>
  (bytes) =>
    Buffer.from(change(bytes.toString("latin1").split("\r\n")).join("\r\n"), "latin1");

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(position, fc.integer({ min: 1, max: 255 })).map(
    ([where, bits]): Mutation =>
      (bytes) =>
        flipAt(bytes, at(bytes.length, where), bits),
  ),
  position.map(
    (where): Mutation =>
      (bytes) =>
        bytes.subarray(0, at(bytes.length, where)),
  ),
  fc.tuple(position, fc.constantFrom(...PIECES)).map(
    ([where, piece]): Mutation =>
      (bytes) =>
        insertAt(bytes, at(bytes.length, where), piece),
  ),
  fc
    .tuple(position, fc.constantFrom(...PIECES))
    .map(
      ([where, piece]): Mutation =>
        onLines((lines) => lines.toSpliced(at(lines.length, where), 0, piece.toString("latin1").trimEnd())),
    ),
  fc
    .tuple(position, position)
    .map(
      ([from, to]): Mutation =>
        onLines((lines) => lines.toSpliced(at(lines.length, to), 0, lines[at(lines.length, from)] ?? "")),
    ),
  position.map((where): Mutation => onLines((lines) => lines.toSpliced(at(lines.length, where), 1))),
  fc.tuple(position, position).map(
    ([from, to]): Mutation =>
      (bytes) => {
        const [first, last] = [at(bytes.length, from), at(bytes.length, to)];
        return Buffer.concat([bytes.subarray(0, last), bytes.subarray(first)]);
      },
  ),
  fc.tuple(position, fc.integer({ min: 0, max: 100_000 })).map(
    ([, length]): Mutation =>
      (bytes) =>
        Buffer.from(
          bytes.toString("latin1").replace(/content-length: \d+/, `content-length: ${length}`),
          "latin1",
        ),
  ),
);

const exchange: fc.Arbitrary<Exchange> = fc
  .tuple(
    fc.array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: MOST_REQUESTS, size: "max" }),
    fc.array(mutation, { maxLength: 3, size: "max" }),
    fc.boolean(),
  )
  .map(([requests, mutations, halfClose]) => ({
    bytes: mutations
      .reduce<Buffer>((bytes, mutate) => mutate(bytes), Buffer.concat(requests))
      .toString("base64"),
    halfClose,
  }));

const requestsIn = ({ bytes }: Exchange): number =>
  Math.max(1, Buffer.from(bytes, "base64").toString("latin1").split(" HTTP/1.1\r\n").length - 1);

export function httpPart(target: Target): Part<readonly Exchange[]> {
  const outcomes = new Outcomes();
  return {
    name: "http",
    unit: "requests",
    inputs: fc.array(exchange, { minLength: 1, maxLength: MOST_CONNECTIONS, size: "max" }),
    usualSize: (MOST_CONNECTIONS / 2) * (MOST_REQUESTS / 2),
    sizeOf: (exchanges) => exchanges.reduce((sum, one) => sum + requestsIn(one), 0),
    outcomes,
    async check(exchanges) {
      const { httpUrl } = await target.service();
      const address = new URL(httpUrl).host;
      await Promise.all(
        exchanges.map(async ({ bytes, halfClose }) => {
          const reply = await send(address, Buffer.from(bytes, "base64"), {
            silenceMs: SILENCE_MS,
            halfClose,
          });
          const text = reply.bytes.toString("latin1");
          outcomes.count(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? `no answer, ${reply.ending}`);
          assert.doesNotMatch(text, SERVER_ERRORS);
          assert.doesNotMatch(text, LEAKS);
        }),
      );
      await target.checkWell();
    },
  };
}
