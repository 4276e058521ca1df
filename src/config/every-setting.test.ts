/** Every field of a configuration, changed by itself, changes a decision or what the engine does. A field without a case fails. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RoutingConfigSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { headers, type Script, wait } from "../completion/testing/scripted-provider.ts";
import type { ConfigDocument } from "./document.ts";
import { BASE, type Draft, ran } from "./testing/observers.ts";
import { CASES, down } from "./testing/setting-cases.ts";
import { settingsOf } from "./testing/settings-of.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a setting", () => {
  it.each(Object.entries(CASES))("changes what happens: %s", async (_, [observe, change, prepare]) => {
    const before = structuredClone(BASE) as Draft;
    prepare?.(before);
    const after = structuredClone(before);
    change(after);
    const seen = await observe(before as ConfigDocument);
    expect(await observe(structuredClone(before) as ConfigDocument), "it says the same twice").toEqual(seen);
    expect(await observe(after as ConfigDocument)).not.toEqual(seen);
  });

  it("has a case here, whichever the contract has, in lists and out of them", () => {
    expect(Object.keys(CASES).toSorted()).toEqual(settingsOf(RoutingConfigSchema).toSorted());
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
