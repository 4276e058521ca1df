import { describe, expect, it } from "vitest";
import { CLASSIC, CURRENT, decisionOf, movesOf, requestWith, SANDBOX, stateWith } from "./test-support.ts";
import type { ModelTarget, PlannedTarget, Sampling } from "./types.ts";

const plannedFor = (target: ModelTarget, sampling: Sampling, config = CLASSIC): PlannedTarget =>
  decisionOf(requestWith({ sampling, constraints: { target } }), SANDBOX, config).targets[0];

const kimi = { provider: "kimi", model: "kimi-k2-0905-preview" };
const haiku = { provider: "anthropic", model: "claude-3-haiku-20240307" };
const newHaiku = { provider: "anthropic", model: "claude-haiku-5-5" };
const gpt4o = { provider: "openai", model: "gpt-4o" };

describe("the temperature", () => {
  it("is the caller's, else the tier's, else none", () => {
    expect(plannedFor(kimi, { temperature: 0 }).temperature).toBe(0);
    expect(plannedFor(kimi, {}).temperature).toBe(0.7);
    expect(plannedFor(gpt4o, {}, CURRENT)).not.toHaveProperty("temperature");
  });

  it("is left out and reported where the model refuses it, the tier's own too", () => {
    const planned = plannedFor(newHaiku, {});
    expect(planned).not.toHaveProperty("temperature");
    expect(planned.dropped).toEqual([
      { name: "temperature", detail: "claude-haiku-5-5 takes no temperature" },
    ]);
  });

  it("is never moved into the model's range behind the caller's back", () => {
    const planned = plannedFor(kimi, { temperature: 1.4 });
    expect(planned).not.toHaveProperty("temperature");
    expect(planned.dropped).toEqual([
      { name: "temperature", detail: "kimi-k2-0905-preview takes a temperature from 0 to 1, not 1.4" },
    ]);
    expect(plannedFor(gpt4o, { temperature: 1.4 }).temperature).toBe(1.4);
  });
});

describe("other sampling parameters", () => {
  it("are sent where the model takes them", () => {
    const sampling = { topP: 0.5, seed: 7, stop: ["END"] };
    expect(plannedFor(gpt4o, sampling)).toMatchObject({ ...sampling, dropped: [] });
  });

  it("are left out and reported by name where it does not", () => {
    const planned = plannedFor(newHaiku, { topP: 0.5, seed: 7, stop: ["END"] }, CURRENT);
    expect(planned.dropped.map(({ name }) => name)).toEqual(["top_p", "seed"]);
    expect(planned).not.toHaveProperty("topP");
    expect(planned).not.toHaveProperty("seed");
    expect(planned.stop).toEqual(["END"]);
  });

  it("are planned for each target by itself", () => {
    const decision = decisionOf(requestWith({ sampling: { seed: 7 }, agentScores: { combined: 5 } }));
    expect(decision.targets.map(({ seed }) => seed)).toEqual([undefined, 7, undefined]);
  });

  it("keep no stop sequences when there are more than the model takes", () => {
    const planned = plannedFor(gpt4o, { stop: ["1", "2", "3", "4", "5"] });
    expect(planned).not.toHaveProperty("stop");
    expect(planned.dropped).toEqual([{ name: "stop", detail: "gpt-4o takes 4 stop sequences, not 5" }]);
    const none = plannedFor({ provider: "openai", model: "gpt-5.4-mini" }, { stop: ["1"] }, CURRENT);
    expect(none.dropped).toEqual([{ name: "stop", detail: "gpt-5.4-mini takes no stop sequences" }]);
    expect(plannedFor(newHaiku, { stop: [] }, CURRENT)).not.toHaveProperty("stop");
  });

  it("all go to a custom provider's model", () => {
    const providers = new Map([["vllm", { keyPresent: true, keyVariables: [] }]]);
    const sampling = { temperature: 1.9, topP: 0.5, seed: 7, stop: ["END"], maxOutputTokens: 1_000_000 };
    const request = requestWith({ sampling, constraints: { target: { provider: "vllm", model: "m" } } });
    expect(decisionOf(request, stateWith({ providers })).targets[0]).toMatchObject({
      ...sampling,
      dropped: [],
    });
  });

  it("are kept from a model that is newer than the catalogue", () => {
    const target = { provider: "openai", model: "gpt-99" };
    const fast = { ...CLASSIC.tiers.fast, targets: [target] };
    const planned = plannedFor(target, { topP: 0.5 }, { ...CLASSIC, tiers: { ...CLASSIC.tiers, fast } });
    expect(planned.dropped.map(({ name }) => name)).toEqual(["temperature", "top_p"]);
  });
});

describe("the output cap", () => {
  it("is the caller's, else the tier's", () => {
    expect(plannedFor(haiku, { maxOutputTokens: 10 }).maxOutputTokens).toBe(10);
    expect(plannedFor(haiku, {}).maxOutputTokens).toBe(2048);
  });

  it("is lowered to what the model can give, and that is a cause", () => {
    const request = requestWith({ sampling: { maxOutputTokens: 5000 }, constraints: { target: haiku } });
    const decision = decisionOf(request);
    expect(decision.targets[0].maxOutputTokens).toBe(4096);
    expect(movesOf(decision)).toContain("output_cut: fast -> fast");
    expect(decision.causes.at(-1)?.detail).toBe(
      "5000 output tokens were asked for; claude-3-haiku-20240307 gives at most 4096",
    );
  });

  it("is no cause when the model gives what was asked for", () => {
    const request = requestWith({ sampling: { maxOutputTokens: 4096 }, agentScores: { combined: 1 } });
    expect(movesOf(decisionOf(request))).toEqual([]);
  });
});
