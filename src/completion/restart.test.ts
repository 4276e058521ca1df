import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CompletionEvent } from "../providers/provider.ts";
import type { EngineEvent } from "./events.ts";
import { completedOf, harness, kindsOf, type Ran, settle, start, textOf } from "./testing/harness.ts";
import { fail, finish, hang, headers, says, send, text, wait } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const content = ({ events }: Ran): readonly EngineEvent[] =>
  events.filter(({ kind }) => !["decision", "attempt_started", "attempt_failed", "completed"].includes(kind));

const tool = (
  index: number,
  argumentsJson: string,
  head: { id?: string; name?: string } = {},
): CompletionEvent => ({
  kind: "tool_call",
  index,
  argumentsJson,
  ...head,
});
const reasoning = (said: string): CompletionEvent => ({ kind: "reasoning", text: said });

const CUT = [headers, send(text("Hello ")), send(text("wor")), fail("truncated")];

describe("after content went out, LIVE", () => {
  it("goes on where it stopped when the next attempt begins with exactly what was delivered", async () => {
    const engine = harness({ "a/one": [CUT, says("He", "llo w", "orld", "!")] });
    const ran = await settle(start(engine));
    expect(content(ran)).toEqual([text("Hello "), text("wor"), text("ld"), text("!")]);
    expect(kindsOf(ran)).not.toContain("reset");
    expect(completedOf(ran)).toMatchObject({ costNanoUsd: 40_000n + 6_000n + 110_000n });
    expect(engine.attempts.map(({ outcome }) => outcome)).toEqual(["truncated", "ok"]);
  });

  it("goes on though its reasoning is signed anew each time: the caller keeps the signature it has", async () => {
    const signed = (signature: string): CompletionEvent => ({ kind: "reasoning", text: "", signature });
    const cut = [headers, send(reasoning("Hm")), send(signed("1")), send(text("Hel")), fail("truncated")];
    const again = [
      headers,
      send(reasoning("H"), reasoning("m")),
      send(signed("2")),
      send(text("Hello")),
      send(finish()),
    ];
    const ran = await settle(start(harness({ "a/one": [cut, again] })));
    expect(content(ran)).toEqual([reasoning("Hm"), signed("1"), text("Hel"), text("lo")]);
    const cutBefore = [headers, send(reasoning("Hm")), fail("truncated")];
    const lacking = await settle(start(harness({ "a/one": [cutBefore, again] })));
    expect(content(lacking)).toEqual([reasoning("Hm"), signed("2"), text("Hello")]);
  });

  it("sends nothing of the new answer before all that was delivered has been repeated", async () => {
    const engine = harness({
      "a/one": [
        CUT,
        [headers, send(text("Hello w")), wait(500), send(text("or")), send(text("ld")), send(finish())],
      ],
    });
    const ran = await settle(start(engine));
    const atOf = (said: string) =>
      ran.atMs[
        ran.batches.findIndex((batch) => batch.some((event) => event.kind === "text" && event.text === said))
      ];
    expect((atOf("ld") ?? 0) - (atOf("wor") ?? 0)).toBe(500);
  });

  it("ends with the cut when the next attempt says something else, and gives that attempt up at once", async () => {
    const engine = harness({ "a/one": [CUT, [headers, send(text("Hello W")), hang]], "b/two": [says("no")] });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("Hello wor");
    expect(ran.error).toMatchObject({
      code: "UNAVAILABLE",
      reason: "STREAM_TRUNCATED",
      partial: true,
      deliveredTokens: 3,
    });
    expect(engine.callsTo("a/one")[1]?.abortedMs).toBe(engine.callsTo("a/one")[1]?.startedMs);
    expect(engine.callsTo("b/two")).toEqual([]);
    expect(engine.attempts.map(({ outcome }) => outcome)).toEqual(["truncated", "diverged"]);
    expect(engine.executions).toMatchObject([{ status: "failed", failureReason: "STREAM_TRUNCATED" }]);
  });

  it("sends a reset and the whole new answer to a caller that accepts it", async () => {
    const engine = harness({ "a/one": [CUT, says("Hello ", "Moon", "!")] });
    const ran = await settle(start(engine, { acceptRestart: true }));
    expect(content(ran).slice(2)).toEqual([
      { kind: "reset", attempt: 2 },
      text("Hello "),
      text("Moon"),
      text("!"),
    ]);
    expect(textOf(ran)).toBe("Hello Moon!");
    expect(completedOf(ran)).toBeDefined();
  });

  it("treats a new answer that ends too early as another answer", async () => {
    const engine = harness({ "a/one": [CUT, says("Hello")] });
    const plain = await settle(start(engine));
    expect(plain.error).toMatchObject({ reason: "STREAM_TRUNCATED", partial: true });
    expect(engine.attempts[1]).toMatchObject({
      outcome: "diverged",
      usageSource: "REPORTED",
      costNanoUsd: 110_000n,
    });
    const accepting = harness({ "a/one": [CUT, says("Hello")] });
    expect(textOf(await settle(start(accepting, { acceptRestart: true })))).toBe("Hello");
  });

  it("is not misled when the new answer stops exactly where the old one was cut", async () => {
    const engine = harness({ "a/one": [CUT, says("Hello wor")] });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("Hello wor");
    expect(completedOf(ran)?.finishReason).toBe("stop");
  });

  it("goes to the next target after a silence, which asking again would only repeat", async () => {
    const engine = harness({ "a/one": [[headers, send(text("Hel")), hang]], "b/two": [says("Hello")] });
    const ran = await settle(start(engine));
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
    expect(textOf(ran)).toBe("Hello");
    expect(engine.attempts[0]).toMatchObject({ outcome: "byte_silence", usageSource: "PARTIAL" });
  });

  it("survives a second cut in the middle of the repetition", async () => {
    const engine = harness({
      "a/one": [CUT, [headers, send(text("Hel")), fail("truncated")]],
      "b/two": [says("Hello world")],
    });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("Hello world");
    expect(engine.attempts).toHaveLength(3);
  });

  it("compares with the answer that stands, once a reset has replaced the first", async () => {
    const moon = [headers, send(text("Hello Moon")), fail("truncated")];
    const engine = harness({ "a/one": [CUT, moon], "b/two": [says("Hello Moon!")] });
    const ran = await settle(start(engine, { acceptRestart: true }));
    expect(ran.events.filter(({ kind }) => kind === "reset")).toEqual([{ kind: "reset", attempt: 2 }]);
    expect(textOf(ran)).toBe("Hello Moon!");
  });

  it("does not let a fallback's refusal of the request mask the cut", async () => {
    const engine = harness({ "a/one": [[headers, send(text("Hel")), hang]], "b/two": [[fail("rejected")]] });
    const { error } = await settle(start(engine));
    expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "STREAM_SILENT", partial: true });
  });

  it("tells of the cut and not of a failure before it", async () => {
    const engine = harness({
      "a/one": [[fail("overloaded")]],
      "b/two": [[headers, send(text("Hel")), fail("protocol")]],
    });
    const { error } = await settle(start(engine));
    expect(error).toMatchObject({ reason: "PROTOCOL_ERROR", partial: true });
  });

  it("does not ask anyone else after a refusal in the middle of an answer", async () => {
    const engine = harness({
      "a/one": [[headers, send(text("Hel")), fail("content_filtered")]],
      "b/two": [says("no")],
    });
    const { error } = await settle(start(engine));
    expect(error).toMatchObject({ code: "FAILED_PRECONDITION", reason: "CONTENT_FILTERED", partial: true });
    expect(engine.callsTo("b/two")).toEqual([]);
  });

  it("calls a rate limit inside a stream UNAVAILABLE: something was already given", async () => {
    const engine = harness({ "a/one": [[headers, send(text("Hel")), fail("rate_limited")]] });
    const { error } = await settle(start(engine));
    expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "RATE_LIMITED", partial: true });
  });
});

describe("tool calls and reasoning that went out", () => {
  const call = (id: string, ...pieces: readonly string[]): readonly CompletionEvent[] => [
    tool(0, "", { id, name: "weather" }),
    ...pieces.map((piece) => tool(0, piece)),
  ];

  it("must be repeated like text; the id that was given first stays", async () => {
    const engine = harness({
      "a/one": [
        [headers, send(...call("call_1", '{"city":')), fail("truncated")],
        [headers, send(...call("call_2", '{"ci', 'ty":"Rome"}')), send(finish({ reason: "tool_calls" }))],
      ],
    });
    const ran = await settle(start(engine));
    expect(content(ran)).toEqual([...call("call_1", '{"city":'), tool(0, '"Rome"}')]);
    expect(completedOf(ran)?.finishReason).toBe("tool_calls");
  });

  it("are another answer when another tool is called, or the same with other arguments", async () => {
    const first = [headers, send(...call("call_1", "{")), fail("truncated")];
    const otherTool = [headers, send(tool(0, "{}", { id: "x", name: "weather_report" })), send(finish())];
    const otherArguments = [headers, send(...call("x", "[")), send(finish())];
    for (const second of [otherTool, otherArguments]) {
      const { error } = await settle(start(harness({ "a/one": [first, second] })));
      expect(error).toMatchObject({ partial: true, reason: "STREAM_TRUNCATED" });
    }
  });

  it("make another answer when the reasoning differs, although the text is the same", async () => {
    const first = [headers, send(reasoning("hm")), send(text("Hel")), fail("truncated")];
    const same = [headers, send(reasoning("h"), reasoning("m"), text("Hello")), send(finish())];
    const other = [headers, send(reasoning("oh")), send(text("Hello")), send(finish())];
    const more = [headers, send(reasoning("hmm")), send(text("Hello")), send(finish())];
    expect(textOf(await settle(start(harness({ "a/one": [first, same] }))))).toBe("Hello");
    expect((await settle(start(harness({ "a/one": [first, other] })))).error?.partial).toBe(true);
    expect((await settle(start(harness({ "a/one": [first, more] })))).error?.partial).toBe(true);
  });
});
