/** S: answers that are whole and strange: odd frames, odd bytes, odd pieces. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Client, credentials } from "@grpc/grpc-js";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  Role,
} from "../../gen/modeltier/v1/completion_pb.js";
import { FALLBACK, type Rig, startRig } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { attemptsAt, trial } from "./rig/trial.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    env: { NODE_OPTIONS: `--import ${new URL("./rig/watch-prototypes.ts", import.meta.url)}` },
  });
});
afterAll(() => rig?.stop());

const REPLACEMENT = "\uFFFD";

/** What the target says when nothing goes wrong. */
async function wholeAnswer(target: string, prompt?: string): Promise<string> {
  const { text } = await rig.call("whole", { model: target.split("!", 1)[0] ?? "", prompt });
  expect(text).not.toBe("");
  return text;
}

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  it.each([
    ["S10 one malformed chunk", "malformed"],
    ["S13 CRLF", "crlf=crlf"],
    ["S13 CR", "crlf=cr"],
    ["S13 mixed line ends", "crlf=mixed"],
    ["S13 a byte order mark", "bom"],
    ["S13 no blank line behind [DONE], which is then none", "no-final-blank"],
    ["S18 __proto__ and constructor in every object", "proto-keys"],
    ["S19 unknown events and fields, nulls, numbers as strings", "unknown-events"],
  ])("%s: the answer is the same", async (_, faults) => {
    const targets = Array.from({ length: concurrency }, () => rig.primary(faults));
    const wholes = await Promise.all(targets.map((target) => wholeAnswer(target)));
    const { heard, rows } = await trial(rig, concurrency, (index) => ({ model: targets[index] }));
    heard.forEach(({ served, text }, index) => {
      expect([served, text]).toEqual([targets[index], wholes[index]]);
    });
    for (const { usageSource } of rows) expect(usageSource).toBe("REPORTED");
  });

  it("S10 one malformed chunk is counted, a second one fails the answer", async () => {
    const once = await trial(rig, concurrency, () => ({ model: rig.primary("malformed") }));
    const skipped = "modeltier_skipped_frames_total";
    expect(sumOf(once.after, skipped) - sumOf(once.before, skipped)).toBe(concurrency);

    const ask = (assured: boolean) => () => ({ model: rig.primary("malformed-twice"), assured });
    const live = await trial(rig, concurrency, ask(false), { ledger: "usage lost" });
    for (const { served, failureClasses } of live.heard) {
      expect(failureClasses[0]).toBe("protocol");
      expect([FALLBACK, undefined]).toContain(served);
    }
    const assured = await trial(rig, concurrency, ask(true), { ledger: "usage lost" });
    for (const { served } of assured.heard) expect(served).toBe(FALLBACK);
  });

  it("S17 repeated, negative, huge and non-numeric indexes: never a key, never a part of the answer", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.primary("dup-index"));
    const wholes = await Promise.all([FALLBACK, ...targets].map((target) => wholeAnswer(target)));
    const ask = (index: number) => ({ model: targets[index] });
    const { heard } = await trial(rig, concurrency, ask, { ledger: "usage lost" });
    for (const { text, completed } of heard) {
      expect(completed).toBeDefined();
      expect(wholes).toContain(text);
    }
  });

  it("S12 a byte that is not UTF-8 becomes one U+FFFD", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.primary("bad-utf8"));
    const wholes = await Promise.all(targets.map((target) => wholeAnswer(target)));
    const { heard } = await trial(rig, concurrency, (index) => ({ model: targets[index] }));
    heard.forEach(({ text }, index) => {
      expect(text.split(REPLACEMENT)).toHaveLength(2);
      expect(text.replace(REPLACEMENT, "")).toBe(wholes[index]);
    });
  });

  it("S13 CRLF cut between CR and LF, and everywhere else: the answer is the same", async () => {
    const target = rig.proxied("crlf=crlf");
    const whole = await wholeAnswer(target);
    rig.proxy.plan(() => ({ kind: "split", at: "every byte" }));
    const { heard } = await trial(rig, Math.min(concurrency, 10), () => ({ model: target }));
    for (const { text } of heard) expect(text).toBe(whole);
  });

  it("S13 the last event without its blank line is none: an answer that needs it is cut", async () => {
    const model = concurrency === 1 ? "claude-haiku-4-5-20251001" : "claude-sonnet-5-5";
    rig.sandbox.setFaults({ provider: "anthropic", model, faults: [{ fault: "no-final-blank" }] });
    const target = `anthropic/${model}`;
    const { heard } = await trial(rig, concurrency, () => ({ model: target }), { ledger: "usage lost" });
    expect(heard[0]?.error).toMatchObject({ code: Code.Unavailable, reason: "STREAM_TRUNCATED" });
    for (const { served } of heard) expect(served).not.toBe(target);
  });

  it("S20 one token again and again: ended at twice the output asked for, and its cost recorded", async () => {
    const model = concurrency === 1 ? "gpt-4o" : "gpt-4o-mini";
    rig.sandbox.setFaults({ provider: "openai", model, faults: [{ fault: "endless" }] });
    const target = `openai/${model}`;
    const ask = () => ({ model: target, maxOutputTokens: 50 });
    const seen = await trial(rig, concurrency, ask, { ledger: "usage lost" });
    const ended = seen.heard.filter(({ asked }) => asked[0] === target);
    expect(ended.length).toBeGreaterThanOrEqual(Math.min(concurrency, 5));
    for (const { error, served, deltas, failureClasses } of ended) {
      expect(failureClasses[0]).toBe("output_limit");
      // When all of it came at once nothing was delivered, and another could answer.
      if (error === undefined) expect(served).not.toBe(target);
      else expect(error).toMatchObject({ code: Code.Unavailable, reason: "OUTPUT_LIMIT" });
      expect(deltas).toBeLessThanOrEqual(100);
    }
    for (const { end } of attemptsAt(seen, target)) expect(end).toBe("aborted_by_client");
    for (const { attempts } of seen.rows) {
      for (const attempt of attempts.filter(({ outcome }) => outcome === "output_limit")) {
        expect(attempt.usageSource).toBe("PARTIAL");
        expect(attempt.costNanoUsd).toBeGreaterThan(0n);
      }
    }
  });

  it.each([
    ["gzip", "gzip"],
    ["truncated gzip", "gzip,cut-clean=20"],
  ])("S22 %s, which was not accepted: a protocol error, the next provider answers", async (_, faults) => {
    const ask = () => ({ model: rig.primary(faults) });
    const { heard } = await trial(rig, concurrency, ask, { ledger: "usage lost" });
    for (const { served, failureClasses } of heard) {
      expect([served, failureClasses]).toEqual([FALLBACK, ["protocol"]]);
    }
  });

  it("S22 identity is asked for, and the first token comes long before the last", async () => {
    rig.proxy.plan(() => ({ kind: "pass" }));
    const from = rig.proxy.requests.length;
    const ask = () => ({ model: rig.proxied(), prompt: "[tokens=1000]" });
    const { heard } = await trial(rig, Math.min(concurrency, 10), ask);
    for (const { head } of rig.proxy.requests.slice(from)) {
      expect(head).toMatch(/^accept-encoding: identity\r?$/im);
    }
    for (const { completed } of heard) {
      const { timeToFirstToken, total } = completed?.timings ?? {};
      expect(timeToFirstToken?.seconds).toBe(0n);
      expect((timeToFirstToken?.nanos ?? 0) * 2).toBeLessThan(total?.nanos ?? 0);
    }
  });
});

/** A byte that is not the first of its character. */
const isContinuation = (byte: number): boolean => (byte & 0b1100_0000) === 0b1000_0000;

describe("S11 UTF-8 split at every byte offset", () => {
  const prompt = "[unicode] [tokens=40]";

  it("byte by byte: the text is the same", async () => {
    const target = rig.proxied();
    rig.proxy.plan(() => ({ kind: "pass" }));
    const whole = await wholeAnswer(target, prompt);
    rig.proxy.plan(() => ({ kind: "split", at: "every byte" }));
    const { heard } = await trial(rig, 5, () => ({ model: target, prompt }));
    for (const { text } of heard) expect(text).toBe(whole);
    for (const character of ["世", "👩‍👩‍👧‍👦", "🏳️‍🌈", "𝒳", "ż"]) expect(whole).toContain(character);
    expect(whole).not.toContain(REPLACEMENT);
  });

  it("in two pieces, inside every character that has more than one byte", async () => {
    const target = rig.proxied();
    rig.proxy.plan(() => ({ kind: "pass" }));
    const whole = await wholeAnswer(target, prompt);
    const inside = [...rig.proxy.answer().entries()].filter(([, byte]) => isContinuation(byte));
    expect(inside).toHaveLength(57);
    for (let start = 0; start < inside.length; start += 50) {
      const offsets = inside.slice(start, start + 50).map(([offset]) => offset);
      let next = 0;
      rig.proxy.plan(() => ({ kind: "split", at: [offsets[next++] ?? 0] }));
      const heard = await Promise.all(offsets.map(() => rig.call("split", { model: target, prompt })));
      for (const { text } of heard) expect(text).toBe(whole);
    }
  });

  it("in any pieces at all", async () => {
    const target = rig.proxied();
    rig.proxy.plan(() => ({ kind: "pass" }));
    const whole = await wholeAnswer(target, prompt);
    const { length } = rig.proxy.answer();
    const splits = fc.uniqueArray(fc.integer({ min: 1, max: length }), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(splits, async (at) => {
        rig.proxy.plan(() => ({ kind: "split", at: at.toSorted((a, b) => a - b) }));
        expect((await rig.call("split", { model: target, prompt })).text).toBe(whole);
      }),
      { numRuns: 100 },
    );
  });
});

describe("S12 a byte that is not UTF-8", () => {
  it("reaches a grpc-js client as a valid string", async () => {
    const client = new Client(rig.service.grpcAddress, credentials.createInsecure());
    const target = rig.primary("bad-utf8");
    const request = create(CompleteRequestSchema, {
      routing: { case: "route", value: { agentId: "grpc-js", constraints: { model: target } } },
      messages: [
        { role: Role.USER, parts: [{ content: { case: "text", value: "Say hello [reasoning=0]" } }] },
      ],
    });
    const stream = client.makeServerStreamRequest(
      "/modeltier.v1.RouterService/Complete",
      (message: typeof request) => Buffer.from(toBinary(CompleteRequestSchema, message)),
      (bytes: Buffer) => fromBinary(CompleteResponseSchema, bytes),
      request,
    );
    let text = "";
    for await (const { event } of stream as AsyncIterable<CompleteResponse>) {
      if (event.case === "textDelta") text += event.value.text;
    }
    client.close();
    expect(text.split(REPLACEMENT)).toHaveLength(2);
    expect(text.isWellFormed()).toBe(true);
  });
});
