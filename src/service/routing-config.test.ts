import { describe, expect, it } from "vitest";
import { listUnknownVariables, readSettings } from "../settings/settings.ts";
import { routingConfigOf } from "./routing-config.ts";

const configOf = (environment: Readonly<Record<string, string>>) =>
  routingConfigOf(readSettings(environment, "/srv"));

describe("the configuration from the environment", () => {
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
});
