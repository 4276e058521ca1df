import { describe, expect, it } from "vitest";
import { documentOf } from "../config/document.ts";
import { limitsOf, timersOf } from "../routing/types.ts";
import { configFromProto, configToProto } from "../rpc/convert/routing-config.ts";
import { listUnknownVariables, readSettings } from "../settings/settings.ts";
import { routingConfigOf } from "./routing-config.ts";

const configOf = (environment: Readonly<Record<string, string>>) =>
  routingConfigOf(readSettings(environment, "/srv"));

describe("the configuration from the environment", () => {
  it("can be published as it is, limits of tiers and models included", () => {
    const config = configOf({
      MODELTIER_LIMITS: '{"fast":{"maxAttempts":2},"openai/gpt-4o/x":{"headersMs":5}}',
    });
    const document = documentOf(config);
    expect(document.tiers.fast.limits).toEqual({ maxAttempts: 2 });
    expect(document.tiers.balanced).not.toHaveProperty("limits");
    expect(document.modelTimers).toEqual([
      { target: { provider: "openai", model: "gpt-4o/x" }, timers: { headersMs: 5 } },
    ]);
    expect(configFromProto(configToProto(document))).toEqual(document);
  });

  it("hedges five calls in a hundred when asked to, and none as shipped", () => {
    expect(configOf({}).hedging).toEqual({ enabled: false, shareOfCalls: 0.05 });
    expect(configOf({ MODELTIER_HEDGING: "true" }).hedging).toEqual({ enabled: true, shareOfCalls: 0.05 });
    expect(listUnknownVariables({ MODELTIER_HEDGING: "true" })).toEqual([]);
  });

  it("caches the prompts of sessions unless that is switched off", () => {
    expect(configOf({}).promptCache).toBe("sessions");
    expect(configOf({ MODELTIER_PROMPT_CACHE: "off" }).promptCache).toBe("off");
    expect(() => configOf({ MODELTIER_PROMPT_CACHE: "always" })).toThrow("use sessions or off");
    expect(listUnknownVariables({ MODELTIER_PROMPT_CACHE: "off" })).toEqual([]);
  });

  it("knows a model with faults behind its name where the sandbox answers, and nowhere else", () => {
    const find = (environment: Readonly<Record<string, string>>) =>
      configOf(environment).catalogue.findModel("openai", "gpt-4o!429-retry-after=2,once")?.model;
    expect(find({})).toBe("gpt-4o");
    expect(find({ OPENAI_API_KEY: "k" })).toBeUndefined();
  });

  it("has limits of its own for a tier and for a model, over those for all of them", () => {
    const config = configOf({
      MODELTIER_FIRST_TOKEN_TIMEOUT_MS: "9000",
      MODELTIER_LIMITS: JSON.stringify({
        fast: { firstTokenMs: 5_000, maxAttempts: 2, callTimeoutMs: 60_000 },
        "openai/gpt-4o": { firstTokenMs: 20_000 },
      }),
    });
    const gpt4o = { provider: "openai", model: "gpt-4o" };
    expect(limitsOf(config, "fast")).toEqual({
      maxAttempts: 2,
      maxAttemptsPerProvider: 2,
      callTimeoutMs: 60_000,
    });
    expect(limitsOf(config, "balanced")).toEqual({
      maxAttempts: 3,
      maxAttemptsPerProvider: 2,
      callTimeoutMs: 300_000,
    });
    expect(timersOf(config, { provider: "kimi", model: "k", tier: "fast" }).firstTokenMs).toBe(5_000);
    expect(timersOf(config, { ...gpt4o, tier: "fast" }).firstTokenMs).toBe(20_000);
    expect(timersOf(config, { provider: "kimi", model: "k", tier: "powerful" }).firstTokenMs).toBe(9_000);
  });

  it("is refused with limits out of range, by their place", () => {
    const limits = { fast: { maxAttempts: 0 }, "openai/gpt-4o": { headersMs: 900_001 } };
    const read = () => configOf({ MODELTIER_LIMITS: JSON.stringify(limits) });
    expect(read).toThrow("tiers.fast.limits.maxAttempts must be");
    expect(read).toThrow('modelTimers["openai/gpt-4o"].headersMs must be');
  });
});
