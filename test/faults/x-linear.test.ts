/**
 * X22: what reads callers' and providers' text takes work in proportion to it. Four times the text may take at most nine times the time,
 * which what is quadratic (sixteen times) does not keep to; what is over in a moment passes at any ratio.
 */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CompleteRequestSchema, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouteRequestSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { parseKey } from "../../src/access/key-text.ts";
import { fromYaml } from "../../src/cli/config-yaml.ts";
import { Seal } from "../../src/decision-token/seal.ts";
import { readRequest } from "../../src/openai-api/request/read-request.ts";
import { DEPS } from "../../src/openai-api/request/test-support.ts";
import { maskSecrets } from "../../src/prompts/mask.ts";
import { SseDecoder } from "../../src/providers/sse.ts";
import { measureChat } from "../../src/routing/measure.ts";
import { validateComplete } from "../../src/rpc/validate/complete.ts";
import { validateRoute } from "../../src/rpc/validate/route.ts";

const MIB = 1024 * 1024;
/** Of YAML, whose library is thorough and slow. */
const YAML_BYTES = 128 * 1024;
const MOST_RATIO = 9;
/** Below this a measurement says more of the machine than of the work. */
const MOMENT_MS = 20;
const ROUNDS = 3;

type Read = (text: string) => unknown;

/** The least time of a few rounds, in ms of this process's own work. */
function cpuMs(read: Read, text: string): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    try {
      read(text);
    } catch {
      // it may be refused, as long as that is quick
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.min(...times);
}

function expectLinear(read: Read, unit: string, bytes: number): void {
  const of = (size: number): string => unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
  read.call(undefined, of(256)); // so that the first measurement is not of the compiler
  const quarterMs = cpuMs(read, of(bytes / 4));
  const wholeMs = cpuMs(read, of(bytes));
  if (wholeMs < MOMENT_MS) return;
  expect(wholeMs / quarterMs, `${quarterMs} ms for a quarter, ${wholeMs} ms for all`).toBeLessThan(
    MOST_RATIO,
  );
}

/** What makes parsers and patterns go back: repetitions that almost fit. */
const UNITS = [
  "a",
  " ",
  "{{",
  "{{ a ",
  "}}",
  "if ",
  "ifififif",
  "sk-",
  "sk-aaaaaaaa ",
  "Bearer ",
  "mt_0123456789abcdef_",
  "\r",
  "\r\n",
  "\n",
  "data: ",
  "data\n",
  ":",
  "[",
  '{"a":',
  "\\",
  "\u0000",
  "\u{1F469}\u200d",
  "\ud800",
];

const quietly =
  (read: Read): Read =>
  (text) => {
    try {
      return read(text);
    } catch {
      return undefined;
    }
  };

const asMessages = (text: string) => [
  { role: Role.USER, parts: [{ content: { case: "text" as const, value: text } }] },
];
const route = { case: "route" as const, value: { agentId: "a" } };

const READERS: readonly (readonly [string, Read])[] = [
  ["scoring", (text) => measureChat({ texts: [text], attachmentBytes: 0 })],
  ["masking", maskSecrets],
  ["a key", parseKey],
  ["a decision token", (text) => new Seal("x".repeat(32)).open(text)],
  ["a stream of a provider, in one piece", (text) => new SseDecoder(Infinity).push(Buffer.from(text))],
  [
    "a stream of a provider, in pieces of 1 KiB",
    (text) => {
      const decoder = new SseDecoder(Infinity);
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += 1_024) decoder.push(bytes.subarray(at, at + 1_024));
    },
  ],
  [
    "a completion's messages",
    (text) =>
      validateComplete(create(CompleteRequestSchema, { routing: route, messages: asMessages(text) }), {
        allowImageUrls: true,
      }),
  ],
  [
    "the names in a completion",
    (text) =>
      validateComplete(
        create(CompleteRequestSchema, {
          routing: { case: "route", value: { agentId: text, constraints: { model: text } } },
          messages: asMessages("a"),
          tools: [{ name: text }],
          toolChoice: { name: text },
          labels: { [text]: text },
          sampling: { stop: [text] },
        }),
        { allowImageUrls: true },
      ),
  ],
  [
    "a step",
    (text) =>
      validateRoute(
        create(RouteRequestSchema, { agentId: "a", step: { prompt: text, name: text, description: text } }),
      ),
  ],
  [
    "a request of OpenAI's API",
    (text) =>
      readRequest(
        {
          model: text,
          messages: [{ role: "user", content: text }],
          user: text,
          metadata: { agent_id: text },
        },
        {},
        DEPS,
      ),
  ],
  [
    "a picture in it",
    (text) =>
      readRequest(
        {
          model: "auto",
          messages: [
            {
              role: "user",
              content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${text}` } }],
            },
          ],
        },
        {},
        DEPS,
      ),
  ],
];

describe("X22 1 MiB takes work in proportion for", () => {
  it.each(READERS)("%s, whatever is repeated in it", (_, read) => {
    for (const unit of UNITS) expectLinear(quietly(read), unit, MIB);
  });

  it("many messages with something wrong in each", () => {
    const read = (text: string) =>
      validateComplete(
        create(CompleteRequestSchema, {
          routing: route,
          messages: Array.from(text, () => ({ role: Role.USER, parts: [] })),
        }),
        { allowImageUrls: false },
      );
    expectLinear(quietly(read), "a", MIB / 16);
  });
});

describe("X22 a configuration file takes work in proportion", () => {
  it.each([
    "a: b\n",
    "- a\n",
    "? a\n",
    "&a *a ",
    "# x\n",
    '"',
    "[",
    "{a: ",
    "\t",
    "- - ",
    "|\n a\n",
    "<<: *a\n",
    "!!str a\n",
  ])("where %j is repeated", (unit) => {
    expectLinear(quietly(fromYaml), unit, YAML_BYTES);
  });
});
