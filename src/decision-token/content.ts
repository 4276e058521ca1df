/**
 * What a token says, as one line of JSON without names. Only what cannot be found again is kept: the step's counts and not
 * the step, a target's place and not its settings. The rest follows from the configuration that `fingerprint` stands for.
 */
import type { Decided } from "../completion/decide.ts";
import { isSameTarget } from "../routing/candidates.ts";
import type { Move } from "../routing/causes.ts";
import type {
  CacheAffinity,
  CalibratedStep,
  CauseKind,
  Decision,
  DecisionExperiment,
  FactorName,
  LearnedDecision,
  ModelTarget,
  PlannedTarget,
  RejectedTarget,
  RejectionKind,
  RoutingConfig,
  RoutingRequest,
  ShadowScore,
  Step,
  StepType,
  Tier,
} from "../routing/types.ts";

/** Of a request, what can be scored again and what an execution is recorded under. Its step is nothing but counts. */
export type FixedRequest = Omit<RoutingRequest, "chat" | "needs" | "sampling">;

/** A target with the output cap that was decided for it. */
export type FixedTarget = Readonly<{ target: ModelTarget; tier: Tier; maxOutputTokens: number }>;

export type FixedDecision = Readonly<{
  decisionId: string;
  configVersion: number;
  sandbox: boolean;
  /** In the order to try them. */
  targets: readonly FixedTarget[];
  /** What led to it beyond the score. */
  moves: readonly Move[];
  rejected: readonly RejectedTarget[];
  cache?: CacheAffinity;
  /** As it was then; later outcomes do not move it. */
  learned?: LearnedDecision;
  /** Its texts are gone, so that they cannot be looked at again. */
  calibrated?: CalibratedStep;
  shadow?: ShadowScore;
  /** Whose arm it was decided in, and is run in. */
  experiment?: DecisionExperiment;
}>;

/** JSON has no undefined: what is absent is null. */
type Maybe<T> = T | null | undefined;

type PackedStep = readonly [
  type: StepType,
  prompt: number,
  data: number,
  conditions: number,
  references: number,
  aggregations: number,
  mappedFields: number,
  hasConfiguration: boolean,
];
type PackedRequest = readonly [
  agentId: string,
  sessionId: string,
  userTier: string,
  intent: StepType,
  creation: Maybe<number>,
  execution: Maybe<number>,
  combined: Maybe<number>,
  budgetTokens: Maybe<number>,
  step: Maybe<PackedStep>,
];
type PackedTarget =
  | readonly [maxOutputTokens: number, place: number]
  | readonly [maxOutputTokens: number, provider: string, model: string, tier: Tier];
type PlainDecision = readonly [
  decisionId: string,
  configVersion: number,
  sandbox: boolean,
  targets: readonly PackedTarget[],
  moves: readonly (readonly [CauseKind, after: Tier, detail: string])[],
  rejected: readonly (readonly [provider: string, model: string, Tier, RejectionKind, detail: string])[],
  cache: Maybe<PackedCache>,
];
/** Tokens of an earlier release know nothing of signs. */
type PackedCalibrated = Omit<CalibratedStep, "signs"> & Partial<Pick<CalibratedStep, "signs">>;
/** The scores only where there is more to say of them than follows from the request. */
type PackedDecision =
  | PlainDecision
  | readonly [
      ...PlainDecision,
      learned: Maybe<LearnedDecision>,
      calibrated: Maybe<PackedCalibrated>,
      shadow: Maybe<ShadowScore>,
      experiment: Maybe<DecisionExperiment>,
    ];
/** Amounts are nano-USD, as digits. */
type PackedCache = readonly [
  provider: string,
  model: string,
  warmTokens: number,
  switchCost: string,
  saving: string,
  kept: boolean,
];
type Packed = readonly [
  expiresAtMs: number,
  fingerprint: string,
  tier: Tier,
  request: PackedRequest,
  decision: PackedDecision,
];

export type ContentOptions = Readonly<{
  /** Unix time in ms. */
  expiresAtMs: number;
  /** Of the configuration, in the decision's tier. */
  fingerprint: string;
  config: RoutingConfig;
}>;

/** Another shape of the line needs another `FORMAT` in seal.ts. */
export function writeContent(
  request: RoutingRequest,
  { decision, decisionId }: Decided,
  { expiresAtMs, fingerprint, config }: ContentOptions,
): string {
  const packed: Packed = [
    expiresAtMs,
    fingerprint,
    decision.tier,
    packRequest(request, decision),
    packDecision(decisionId, decision, config),
  ];
  return JSON.stringify(packed);
}

/** A token that was opened. */
export class TokenContent {
  readonly expiresAtMs: number;
  readonly fingerprint: string;
  readonly tier: Tier;
  readonly request: FixedRequest;
  readonly #decision: PackedDecision;

  /** @param text what `writeContent` wrote; the seal has proved that it did */
  constructor(text: string) {
    const [expiresAtMs, fingerprint, tier, request, decision]: Packed = JSON.parse(text);
    this.expiresAtMs = expiresAtMs;
    this.fingerprint = fingerprint;
    this.tier = tier;
    this.request = unpackRequest(request);
    this.#decision = decision;
  }

  /** Absent: the configuration in force decided. */
  get experiment(): DecisionExperiment | undefined {
    return this.#decision[10] ?? undefined;
  }

  /** @param config one with this fingerprint in this tier */
  decisionUnder(config: RoutingConfig): FixedDecision {
    const [decisionId, configVersion, sandbox, targets, moves, rejected, cache, ...scores] = this.#decision;
    const [learned, calibrated, shadow, experiment] = scores;
    return {
      decisionId,
      configVersion,
      sandbox,
      targets: targets.map((target) => unpackTarget(target, this.tier, config)),
      moves: moves.map(([kind, after, detail]) => ({ kind, after, detail })),
      rejected: rejected.map(([provider, model, tier, reason, detail]) => ({
        target: { provider, model },
        tier,
        reason,
        detail,
      })),
      ...(cache && { cache: unpackCache(cache) }),
      ...(learned && { learned }),
      ...(calibrated && { calibrated: { signs: [], ...calibrated } }),
      ...(shadow && { shadow }),
      ...(experiment && { experiment }),
    };
  }
}

function packRequest(request: RoutingRequest, decision: Decision): PackedRequest {
  const { agentId, sessionId, userTier, intent, agentScores, budgetRemainingTokens, step } = request;
  return [
    agentId,
    sessionId,
    userTier,
    intent,
    agentScores.creation,
    agentScores.execution,
    agentScores.combined,
    budgetRemainingTokens,
    step && packStep(step, decision),
  ];
}

function packStep(step: Step, { stepType, factors }: Decision): PackedStep {
  const count = (factor: FactorName): number => factors.find(({ name }) => name === factor)?.measurement ?? 0;
  return [
    stepType,
    count("prompt"),
    count("data"),
    count("conditions"),
    count("context"),
    step.aggregations,
    step.mappedFields,
    step.hasConfiguration,
  ];
}

/** Failures and constraints have had their effect: the decision's moves tell it. */
function unpackRequest(packed: PackedRequest): FixedRequest {
  const [agentId, sessionId, userTier, intent, creation, execution, combined, budget, step] = packed;
  return {
    agentId,
    sessionId,
    userTier,
    intent,
    ...(step && { step: unpackStep(step) }),
    agentScores: {
      ...(typeof creation === "number" && { creation }),
      ...(typeof execution === "number" && { execution }),
      ...(typeof combined === "number" && { combined }),
    },
    ...(typeof budget === "number" && { budgetRemainingTokens: budget }),
    previousFailures: 0,
    constraints: {},
  };
}

function unpackStep(packed: PackedStep): Step {
  const [type, promptCharacters, dataBytes, conditions, references, ...shape] = packed;
  const [aggregations, mappedFields, hasConfiguration] = shape;
  return {
    type,
    name: "",
    description: "",
    prompt: "",
    paramsJson: "",
    inputDataBytes: 0,
    switchCases: 0,
    aggregations,
    mappedFields,
    hasConfiguration,
    measured: { promptCharacters, dataBytes, conditions, references },
  };
}

const OF_THE_SCORE: ReadonlySet<CauseKind> = new Set<CauseKind>(["score", "unknown_intent", "cold_start"]);

function packDecision(decisionId: string, decision: Decision, config: RoutingConfig): PackedDecision {
  const { configVersion, sandbox, tier, targets, causes, rejected, cache, learned } = decision;
  const { calibrated, shadow, experiment } = decision;
  const packed: PlainDecision = [
    decisionId,
    configVersion,
    sandbox,
    targets.map((target) => packTarget(target, tier, config)),
    causes
      .filter(({ kind }) => !OF_THE_SCORE.has(kind))
      .map(({ kind, after, detail }) => [kind, after, detail]),
    rejected.map((one) => [one.target.provider, one.target.model, one.tier, one.reason, one.detail]),
    cache && packCache(cache),
  ];
  const isPlain = [learned, calibrated, shadow, experiment].every((part) => part === undefined);
  return isPlain ? packed : [...packed, learned, calibrated, shadow, experiment];
}

const packCache = ({ target, warmTokens, kept, ...amounts }: CacheAffinity): PackedCache => [
  target.provider,
  target.model,
  warmTokens,
  amounts.switchCostNanoUsd.toString(),
  amounts.savingNanoUsd.toString(),
  kept,
];

function unpackCache([provider, model, warmTokens, switchCost, saving, kept]: PackedCache): CacheAffinity {
  const amounts = { switchCostNanoUsd: BigInt(switchCost), savingNanoUsd: BigInt(saving) };
  return { target: { provider, model }, warmTokens, ...amounts, kept };
}

/** By its place where the decided tier lists it, which is nearly always; by name otherwise. */
function packTarget(target: PlannedTarget, tier: Tier, config: RoutingConfig): PackedTarget {
  const { provider, model, maxOutputTokens } = target;
  const listed = config.tiers[tier].targets;
  const place = target.tier === tier ? listed.findIndex((other) => isSameTarget(other, target)) : -1;
  return place === -1 ? [maxOutputTokens, provider, model, target.tier] : [maxOutputTokens, place];
}

function unpackTarget(packed: PackedTarget, tier: Tier, config: RoutingConfig): FixedTarget {
  const [maxOutputTokens] = packed;
  if (packed.length === 4) {
    const [, provider, model, own] = packed;
    return { target: { provider, model }, tier: own, maxOutputTokens };
  }
  const target = config.tiers[tier].targets[packed[1]];
  if (target === undefined) throw new RangeError("the fingerprint stands for another configuration");
  return { target, tier, maxOutputTokens };
}
