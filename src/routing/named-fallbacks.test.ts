import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AGENT,
  breakers,
  CLASSIC,
  decisionOf,
  failureOf,
  movesOf,
  NO_NEEDS,
  namesOf,
  providersWithKeys,
  requestWith,
  SANDBOX,
  stateWith,
  WHEN_ALL_WERE_SERVED,
} from "./test-support.ts";
import type { ModelTarget, RoutingRequest } from "./types.ts";

const served = stateWith({ today: WHEN_ALL_WERE_SERVED });
const HAIKU: ModelTarget = { provider: "anthropic", model: "claude-3-haiku-20240307" };
const SONNET: ModelTarget = { provider: "anthropic", model: "claude-3-5-sonnet-20241022" };
const MINI: ModelTarget = { provider: "openai", model: "gpt-4o-mini" };
const KIMI: ModelTarget = { provider: "kimi", model: "kimi-k2-0905-preview" };

const naming = (
  fallbacks: readonly ModelTarget[],
  constraints: RoutingRequest["constraints"] = {},
  rest: Partial<RoutingRequest> = {},
): RoutingRequest =>
  requestWith({ agentScores: AGENT.balanced, constraints: { ...constraints, fallbacks }, ...rest });

describe("fallbacks that the caller names", () => {
  it("follow the tier's first choice, in the caller's order, in place of the tier's own", () => {
    const decision = decisionOf(naming([SONNET, HAIKU]), served);
    expect(namesOf(decision)).toEqual([
      "kimi kimi-k2-0905-preview",
      "anthropic claude-3-5-sonnet-20241022",
      "anthropic claude-3-haiku-20240307",
    ]);
    expect(decision.tier).toBe("balanced");
    expect(decision.causes.at(-1)).toMatchObject({ kind: "constraint", after: "balanced" });
    expect(decision.causes.at(-1)?.detail).toContain(
      "anthropic/claude-3-5-sonnet-20241022, anthropic/claude-3-haiku-20240307",
    );
  });

  it("follow the model that the caller asks for, and nothing follows them", () => {
    expect(namesOf(decisionOf(naming([KIMI, HAIKU], { target: MINI }), served))).toEqual([
      "openai gpt-4o-mini",
      "kimi kimi-k2-0905-preview",
      "anthropic claude-3-haiku-20240307",
    ]);
  });

  it("make a model the only one when they repeat it", () => {
    expect(namesOf(decisionOf(naming([MINI, MINI], { target: MINI }), served))).toEqual([
      "openai gpt-4o-mini",
    ]);
  });

  it("run under the settings of the tier that lists them", () => {
    const { targets } = decisionOf(naming([SONNET], { target: HAIKU }), served);
    expect(targets.map(({ tier }) => tier)).toEqual(["fast", "powerful"]);
  });

  it("step in for a first choice that cannot take the request, with the reason", () => {
    const decision = decisionOf(
      naming([MINI], { target: KIMI }, { needs: { ...NO_NEEDS, images: true } }),
      served,
    );
    expect(namesOf(decision)).toEqual(["openai gpt-4o-mini"]);
    expect(decision.rejected).toMatchObject([{ target: KIMI, reason: "images" }]);
  });

  it("leave the search for a first choice as it is", () => {
    const { balanced } = CLASSIC.tiers;
    const config = { ...CLASSIC, tiers: { ...CLASSIC.tiers, balanced: { ...balanced, targets: [KIMI] } } };
    const state = stateWith({
      today: WHEN_ALL_WERE_SERVED,
      providers: providersWithKeys("anthropic", "openai"),
    });
    const decision = decisionOf(naming([HAIKU, MINI]), state, config);
    expect(namesOf(decision)).toEqual([
      "anthropic claude-3-5-sonnet-20241022",
      "anthropic claude-3-haiku-20240307",
      "openai gpt-4o-mini",
    ]);
    expect(movesOf(decision)).toEqual([
      "availability: balanced -> powerful",
      "constraint: powerful -> powerful",
    ]);
  });

  it("are not gone beyond when none of them can be called", () => {
    const state = stateWith({ providers: providersWithKeys("kimi"), today: WHEN_ALL_WERE_SERVED });
    expect(failureOf(naming([MINI], { target: HAIKU }), state)).toMatchObject({
      kind: "no_usable_target",
      missingVariables: ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"],
    });
  });

  it("are tried before a first choice whose breaker is open, and behind breakers when all are open", () => {
    const state = (...open: string[]) =>
      stateWith({
        today: WHEN_ALL_WERE_SERVED,
        targets: breakers(Object.fromEntries(open.map((key) => [key, "open"]))),
      });
    expect(namesOf(decisionOf(naming([HAIKU], { target: MINI }), state("openai/gpt-4o-mini")))).toEqual([
      "anthropic claude-3-haiku-20240307",
    ]);
    const both = state("openai/gpt-4o-mini", "anthropic/claude-3-haiku-20240307");
    expect(namesOf(decisionOf(naming([HAIKU], { target: MINI }), both))).toEqual([
      "openai gpt-4o-mini",
      "anthropic claude-3-haiku-20240307",
    ]);
  });

  it("have to be known, each of them", () => {
    const target = { provider: "openai", model: "gpt-none" };
    expect(failureOf(naming([MINI, target]), served)).toEqual({ kind: "unknown_model", target });
  });

  it("are all tried, each once, in order, whichever they are", () => {
    const listed = CLASSIC.catalogue.models.map(({ provider, model }) => ({ provider, model }));
    const some = fc.array(fc.constantFrom(...listed), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...listed), some, (target, fallbacks) => {
        const expected = [target, ...fallbacks].map(({ provider, model }) => `${provider} ${model}`);
        expect(namesOf(decisionOf(naming(fallbacks, { target }), SANDBOX))).toEqual([...new Set(expected)]);
      }),
    );
  });
});
