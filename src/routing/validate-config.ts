/** What is wrong with a routing configuration, all of it at once, so that a bad one is refused whole. */
import {
  type AgentScoreConfig,
  type AttemptTimers,
  type BreakerConfig,
  type CallLimits,
  type DistributionTarget,
  FACTORS,
  type FactorLimits,
  type FactorWeights,
  limitsOf,
  type RetryConfig,
  type RoutingConfig,
  TIERS,
  type TierConfig,
  targetKey,
  WEIGHT_SETS,
} from "./types.ts";

export type ConfigProblem = Readonly<{
  /** The way to the field: "tiers.fast.targets[0].model". */
  path: string;
  /** A sentence that says what it must be. */
  message: string;
}>;

/** Weights are typed by people: 0.15 + 0.3 + … is 1 on paper and may miss it by a hair in floats. */
const SUM_TOLERANCE = 1e-9;
/** No call lasts longer, so no timer of one is. */
const LONGEST_CALL_MS = 900_000;
const LONGEST_COOL_DOWN_MS = 3_600_000;
const HIGHEST_EXPLORED_SHARE = 0.5;
const LONGEST_HALF_LIFE_MS = 3_650 * 86_400_000;
const LONGEST_FEEDBACK_WAIT_MS = 7 * 86_400_000;
const HIGHEST_TEMPERATURE = 2;
/** Each may bill the whole prompt again. */
const MOST_ATTEMPTS = 10;
const MOST_RETRIES_PER_SECOND = 1_000;
/** A share of 0 would open a breaker that no call has failed at. */
const LEAST_FAILED_SHARE = 0.01;

/** All but what is checked elsewhere: the version is given, and the catalogue checks itself when it is built. */
export type CheckedConfig = Omit<RoutingConfig, "version" | "catalogue">;

/** Every problem of a configuration; none: it can be run. */
export function validateConfig(config: CheckedConfig): readonly ConfigProblem[] {
  return [
    ...checkBlends(config),
    ...checkThresholds(config),
    ...Object.entries(config.limits).flatMap(([name, limits]) => checkLimits(`limits.${name}`, limits)),
    ...WEIGHT_SETS.flatMap((set) => checkWeights(`weights.${set}`, config.weights[set])),
    ...checkWhole("failureLimit", config.failureLimit, 0),
    ...checkWhole("minimumOutputTokens", config.minimumOutputTokens, 1),
    ...TIERS.flatMap((tier) => checkTier(`tiers.${tier}`, config.tiers[tier], config)),
    ...TIERS.filter((tier) => config.tiers[tier].limits !== undefined).flatMap((tier) =>
      checkCallLimits(`tiers.${tier}.limits.`, limitsOf(config, tier)),
    ),
    ...Object.entries(config.modelTimers ?? {}).flatMap(([target, timers]) =>
      checkTimers(`modelTimers["${target}"]`, timers),
    ),
    ...checkCallLimits("", config),
    ...checkRetries(config.retries),
    ...checkBreaker(config.breaker),
    ...checkRange("hedging.shareOfCalls", config.hedging.shareOfCalls, 0, 1),
    ...checkDistribution(config.distribution),
    ...TIERS.flatMap((tier) => checkWhole(`assumedLatencyMs.${tier}`, config.assumedLatencyMs[tier], 1)),
    ...checkAgentScore(config.agentScore),
    ...checkCalibration(config.calibration),
  ];
}

function checkBlends(config: CheckedConfig): ConfigProblem[] {
  const { agentWeight, stepWeight, creationWeight, executionWeight } = config;
  return [
    ...checkRange("agentWeight", agentWeight, 0, 1),
    ...checkRange("stepWeight", stepWeight, 0, 1),
    ...checkSum("agentWeight", "the agent's and the step's weight", [agentWeight, stepWeight]),
    ...checkRange("creationWeight", creationWeight, 0, 1),
    ...checkRange("executionWeight", executionWeight, 0, 1),
    ...checkSum("creationWeight", "the weights of creation and execution", [creationWeight, executionWeight]),
    ...checkRange("coldStartScore", config.coldStartScore, 0, 10),
  ];
}

function checkThresholds({ thresholds }: CheckedConfig): ConfigProblem[] {
  const { balancedFrom, balancedTo } = thresholds;
  const problems = [
    ...checkRange("thresholds.balancedFrom", balancedFrom, 0, 10),
    ...checkRange("thresholds.balancedTo", balancedTo, 0, 10),
  ];
  if (balancedFrom > balancedTo) {
    problems.push({
      path: "thresholds",
      message: `balanced must not begin (${balancedFrom}) above its end (${balancedTo}): the scores between had no tier`,
    });
  }
  return problems;
}

function checkLimits(path: string, { low, medium, high }: FactorLimits): ConfigProblem[] {
  const ascending = Number.isFinite(high) && low >= 0 && low < medium && medium < high;
  return ascending ? [] : [{ path, message: "low, medium and high must ascend from 0 or more" }];
}

function checkWeights(path: string, weights: FactorWeights): ConfigProblem[] {
  return [
    ...FACTORS.flatMap((factor) => checkRange(`${path}.${factor}`, weights[factor], 0, 1)),
    ...checkSum(
      path,
      "the six weights",
      FACTORS.map((factor) => weights[factor]),
    ),
  ];
}

function checkTier(path: string, tier: TierConfig, config: CheckedConfig): ConfigProblem[] {
  return [
    ...checkTargets(`${path}.targets`, tier.targets),
    ...checkWhole(`${path}.maxOutputTokens`, tier.maxOutputTokens, config.minimumOutputTokens),
    ...(tier.temperature === undefined
      ? []
      : checkRange(`${path}.temperature`, tier.temperature, 0, HIGHEST_TEMPERATURE)),
    ...checkTimers(`${path}.timers`, tier.timers),
  ];
}

export function checkTimers(path: string, timers: Partial<AttemptTimers>): ConfigProblem[] {
  return Object.entries(timers).flatMap(([timer, limitMs]) =>
    checkWhole(`${path}.${timer}`, limitMs, 1, LONGEST_CALL_MS),
  );
}

function checkTargets(path: string, targets: TierConfig["targets"]): ConfigProblem[] {
  if (targets.length === 0) return [{ path, message: "a tier needs at least one target" }];
  const keys = targets.map(targetKey);
  return targets.flatMap(({ provider, model }, position) => {
    const at = `${path}[${position}]`;
    const problems: ConfigProblem[] = [];
    if (provider === "") problems.push({ path: `${at}.provider`, message: "must not be empty" });
    if (model === "") problems.push({ path: `${at}.model`, message: "must not be empty" });
    if (keys.indexOf(keys[position] ?? "") !== position) {
      problems.push({ path: at, message: `${keys[position]} is listed twice` });
    }
    return problems;
  });
}

/** @param prefix of the path, with its dot */
function checkCallLimits(prefix: string, limits: CallLimits): ConfigProblem[] {
  const { maxAttempts, maxAttemptsPerProvider, callTimeoutMs } = limits;
  return [
    ...checkWhole(`${prefix}maxAttempts`, maxAttempts, 1, MOST_ATTEMPTS),
    ...checkWhole(`${prefix}maxAttemptsPerProvider`, maxAttemptsPerProvider, 1, maxAttempts),
    ...checkWhole(`${prefix}callTimeoutMs`, callTimeoutMs, 1, LONGEST_CALL_MS),
  ];
}

function checkRetries(retries: RetryConfig): ConfigProblem[] {
  const { shareOfCalls, floorPerSecond, longestWaitMs, jitterLeastMs, jitterMostMs } = retries;
  const problems = [
    ...checkRange("retries.shareOfCalls", shareOfCalls, 0, 1),
    ...checkRange("retries.floorPerSecond", floorPerSecond, 0, MOST_RETRIES_PER_SECOND),
    ...checkWhole("retries.longestWaitMs", longestWaitMs, 0, LONGEST_CALL_MS),
    ...checkWhole("retries.jitterLeastMs", jitterLeastMs, 0, LONGEST_CALL_MS),
    ...checkWhole("retries.jitterMostMs", jitterMostMs, 0, LONGEST_CALL_MS),
  ];
  if (jitterLeastMs > jitterMostMs) {
    problems.push({ path: "retries", message: "the shortest jitter must not be longer than the longest" });
  }
  return problems;
}

function checkBreaker(breaker: BreakerConfig): ConfigProblem[] {
  return [
    ...checkWhole("breaker.failuresInARow", breaker.failuresInARow, 1),
    ...checkWhole("breaker.windowCalls", breaker.windowCalls, 1),
    ...checkRange("breaker.failedShare", breaker.failedShare, LEAST_FAILED_SHARE, 1),
    ...checkWhole("breaker.openMs", breaker.openMs, 1, LONGEST_CALL_MS),
    ...checkWhole("breaker.rateLimitCoolDownMs", breaker.rateLimitCoolDownMs, 1, LONGEST_CALL_MS),
    ...checkWhole("breaker.quotaCoolDownMs", breaker.quotaCoolDownMs, 1, LONGEST_COOL_DOWN_MS),
    ...checkWhole("breaker.panicProbeMs", breaker.panicProbeMs, 1, LONGEST_CALL_MS),
  ];
}

function checkCalibration(calibration: RoutingConfig["calibration"]): ConfigProblem[] {
  if (calibration === undefined) return [];
  const problems: ConfigProblem[] = [];
  const { fastShare, powerfulShare } = calibration;
  for (const [name, share] of Object.entries({ fastShare, powerfulShare })) {
    if (!(share > 0 && share < 1)) {
      problems.push({ path: `calibration.${name}`, message: "must be above 0 and below 1" });
    }
  }
  if (problems.length === 0 && fastShare + powerfulShare >= 1) {
    const message = "fastShare and powerfulShare must sum to less than 1: the rest is between the marks";
    problems.push({ path: "calibration", message });
  }
  return problems;
}

function checkAgentScore(agentScore: RoutingConfig["agentScore"]): ConfigProblem[] {
  if (agentScore === undefined) return [];
  const { learn, serve, halfLifeMs, feedbackWaitMs, explore } = agentScore;
  const problems = [
    ...checkWhole("agentScore.halfLifeMs", halfLifeMs, 3_600_000, LONGEST_HALF_LIFE_MS),
    ...checkWhole("agentScore.feedbackWaitMs", feedbackWaitMs, 0, LONGEST_FEEDBACK_WAIT_MS),
    ...(explore === undefined ? [] : checkExplore(explore)),
  ];
  if (serve && !learn) {
    problems.push({ path: "agentScore.serve", message: "needs learn: what is not learned cannot count" });
  }
  return problems;
}

/** Paths are the contract's, where the probability is a share. */
function checkExplore(explore: NonNullable<AgentScoreConfig["explore"]>): ConfigProblem[] {
  const path = "agentScore.explore";
  const { probability, width, mostLoss, mostExtraNanoUsd } = explore;
  const problems = [
    ...checkRange(`${path}.share`, probability, 0, HIGHEST_EXPLORED_SHARE),
    ...checkRange(`${path}.width`, width, 0, 10),
    ...checkRange(`${path}.mostLoss`, mostLoss, 0, 1),
  ];
  if (mostExtraNanoUsd < 0n) {
    problems.push({
      path: `${path}.mostExtraNanoUsd`,
      message: `must be 0 or more, not ${mostExtraNanoUsd}`,
    });
  }
  return problems;
}

function checkDistribution({ lowestShare, highestShare }: DistributionTarget): ConfigProblem[] {
  const problems = [
    ...checkRange("distribution.lowestShare", lowestShare, 0, 1),
    ...checkRange("distribution.highestShare", highestShare, 0, 1),
  ];
  if (lowestShare > highestShare) {
    problems.push({ path: "distribution", message: "the lowest share must not be above the highest" });
  }
  return problems;
}

function checkRange(path: string, value: number, lowest: number, highest: number): ConfigProblem[] {
  if (value >= lowest && value <= highest) return [];
  return [{ path, message: `must be from ${lowest} to ${highest}, not ${value}` }];
}

function checkWhole(
  path: string,
  value: number,
  lowest: number,
  highest = Number.MAX_SAFE_INTEGER,
): ConfigProblem[] {
  if (Number.isSafeInteger(value) && value >= lowest && value <= highest) return [];
  const most = highest === Number.MAX_SAFE_INTEGER ? "" : ` to ${highest}`;
  return [{ path, message: `must be a whole number from ${lowest}${most}, not ${value}` }];
}

function checkSum(path: string, what: string, parts: readonly number[]): ConfigProblem[] {
  const sum = parts.reduce((total, part) => total + part, 0);
  if (Math.abs(sum - 1) <= SUM_TOLERANCE) return [];
  return [{ path, message: `${what} must sum to 1, not ${sum}` }];
}
