/** Requests and provider states for tests: complete, plain, and with only what a test is about spelled out. */
import fc from "fast-check";
import { PRESETS } from "./presets.ts";
import { route } from "./router.ts";
import type {
  AgentScores,
  Decision,
  ProviderAvailability,
  ProviderState,
  RoutingConfig,
  RoutingFailure,
  RoutingRequest,
  Step,
  TargetState,
  Tier,
} from "./types.ts";

export const CLASSIC = PRESETS.classic;
export const CURRENT = PRESETS.current;

/** A day on which three of the four classic models are retired. */
export const TODAY = "2026-11-23";
/** A day on which all of them were served. */
export const WHEN_ALL_WERE_SERVED = "2025-10-01";

/** An agent's score that gives the tier by itself. */
export const AGENT: Readonly<Record<Tier, AgentScores>> = {
  fast: { combined: 1 },
  balanced: { combined: 5 },
  powerful: { combined: 9 },
};

export const NO_NEEDS = {
  tools: false,
  forcedTools: false,
  images: false,
  jsonObject: false,
  jsonSchema: false,
};

/** Scores over the whole scale, and now and then an extreme float. Drawn as floats alone, most would be next to 0. */
export const anyScore: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 100_000 }).map((score) => score / 10_000) },
  fc.double({ min: 0, max: 10, noNaN: true }),
);

export const requestWith = (parts: Partial<RoutingRequest> = {}): RoutingRequest => ({
  agentId: "test-agent",
  sessionId: "",
  userTier: "",
  intent: "generate",
  agentScores: {},
  previousFailures: 0,
  constraints: {},
  needs: NO_NEEDS,
  sampling: {},
  ...parts,
});

export const stepWith = (parts: Partial<Step> = {}): Step => ({
  type: "unspecified",
  name: "",
  description: "",
  prompt: "",
  paramsJson: "",
  inputDataBytes: 0,
  switchCases: 0,
  aggregations: 0,
  mappedFields: 0,
  hasConfiguration: false,
  measured: {},
  ...parts,
});

const KEY_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  openai: ["OPENAI_API_KEY"],
  anthropic: ["ANTHROPIC_API_KEY"],
  kimi: ["KIMI_API_KEY", "MOONSHOT_API_KEY"],
};

/** The three providers, with the keys of those named; all of them by default. */
export const providersWithKeys = (...withKey: string[]): ReadonlyMap<string, ProviderAvailability> =>
  new Map(
    Object.entries(KEY_VARIABLES).map(([provider, keyVariables]) => [
      provider,
      { keyPresent: withKey.includes(provider), keyVariables },
    ]),
  );

export const stateWith = (parts: Partial<ProviderState> = {}): ProviderState => ({
  today: TODAY,
  sandbox: false,
  providers: providersWithKeys("openai", "anthropic", "kimi"),
  targets: new Map(),
  ...parts,
});

/** What a newcomer has: no key, and the sandbox answering. */
export const SANDBOX = stateWith({ sandbox: true, providers: providersWithKeys() });

export const breakers = (
  states: Readonly<Record<string, TargetState["breaker"]>>,
): ReadonlyMap<string, TargetState> =>
  new Map(Object.entries(states).map(([key, breaker]) => [key, { breaker, calls: 0 }]));

/** @throws Error with the failure, for a request that should have been decided */
export function decisionOf(
  request: RoutingRequest,
  state: ProviderState = SANDBOX,
  config: RoutingConfig = CLASSIC,
): Decision {
  const result = route(request, config, state);
  if (!result.ok) throw new Error(`no decision: ${JSON.stringify(result.failure)}`);
  return result.decision;
}

/** @throws Error for a request that should not have been decided */
export function failureOf(
  request: RoutingRequest,
  state: ProviderState = SANDBOX,
  config: RoutingConfig = CLASSIC,
): RoutingFailure {
  const result = route(request, config, state);
  if (result.ok) throw new Error(`decided: ${result.decision.reason}`);
  return result.failure;
}

export const namesOf = (decision: Decision): readonly string[] =>
  decision.targets.map(({ provider, model }) => `${provider} ${model}`);

/** "kind: before -> after" of every cause but the score. */
export const movesOf = (decision: Decision): readonly string[] =>
  decision.causes.slice(1).map(({ kind, before, after }) => `${kind}: ${before} -> ${after}`);
