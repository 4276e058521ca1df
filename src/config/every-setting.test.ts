/** Every field of a configuration, changed by itself, changes a decision or what the engine does. A field without a case fails. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { headers, type Script, wait } from "../completion/testing/scripted-provider.ts";
import { documentJson } from "../rpc/convert/config-codec.ts";
import type { ConfigDocument } from "./document.ts";
import { BASE, decide, ran } from "./testing/observers.ts";
import { CASES, down, GPT, type Mutable } from "./testing/setting-cases.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a setting", () => {
  it.each(Object.entries(CASES))("changes what happens: %s", async (_, [observe, change]) => {
    const draft = structuredClone(BASE) as Mutable<ConfigDocument>;
    change(draft);
    expect(await observe(draft as ConfigDocument)).not.toEqual(await observe(BASE));
  });

  it("is the same twice when nothing was changed", async () => {
    for (const [observe] of Object.values(CASES)) {
      expect(await observe(structuredClone(BASE))).toEqual(await observe(BASE));
    }
  });

  it("has a case here, whichever it is", () => {
    expect(Object.keys(CASES).toSorted()).toEqual(leavesOf(documentJson(BASE)).toSorted());
  });
});

describe("a limit of one tier", () => {
  const own = (limits: ConfigDocument["tiers"]["balanced"]["limits"]): ConfigDocument => ({
    ...BASE,
    tiers: { ...BASE.tiers, balanced: { ...BASE.tiers.balanced, limits } },
  });

  it.each<[string, NonNullable<Parameters<typeof own>[0]>, Record<string, Script[]>]>([
    ["max_attempts", { maxAttempts: 2 }, { "a/one": down(), "b/two": down(), "c/three": down() }],
    ["max_attempts_per_provider", { maxAttemptsPerProvider: 1 }, { "a/one": down(), "a/two": down() }],
    ["call_timeout", { callTimeoutMs: 5_000 }, { "a/one": [[wait(9_000), headers]] }],
  ])("changes what its calls may take: %s", async (_, limits, scripts) => {
    expect(await ran(own(limits), scripts)).not.toEqual(await ran(BASE, scripts));
  });
});

describe("an override of a model", () => {
  const OVERRIDES = {
    contextWindowTokens: 100,
    maxOutputTokens: 10,
    tools: false,
    jsonObject: false,
    images: false,
    retiredOn: "2026-01-01",
  };
  it.each(Object.entries(OVERRIDES))("changes what is decided: %s", (field, value) => {
    const modelOverrides = [{ target: GPT, [field]: value }];
    const document = { ...BASE, tiers: onlyGpt() };
    expect(decide({ ...document, modelOverrides })).not.toEqual(decide(document));
  });

  it("changes what is decided: successor", () => {
    const retired = {
      target: GPT,
      retiredOn: "2026-01-01",
      successor: { provider: "openai", model: "gpt-4o" },
    };
    const elsewhere = { ...retired, successor: { provider: "kimi", model: "kimi-k2.6" } };
    const document = { ...BASE, tiers: onlyGpt() };
    expect(decide({ ...document, modelOverrides: [retired] })).not.toEqual(
      decide({ ...document, modelOverrides: [elsewhere] }),
    );
  });

  const onlyGpt = (): ConfigDocument["tiers"] => {
    const tier = { ...BASE.tiers.fast, targets: [GPT, { provider: "openai", model: "gpt-4o" }] };
    return { fast: tier, balanced: tier, powerful: tier };
  };
});

type Json = ReturnType<typeof documentJson>[string];

/** Paths of what can be set by itself; a list is one. */
function leavesOf(value: Json, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner, path === "" ? key : `${path}.${key}`),
  );
}
