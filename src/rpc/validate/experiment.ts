/** What is wrong with an experiment as it was sent, and what the defaults make of it. */
import type { Duration } from "@bufbuild/protobuf/wkt";
import type {
  ExperimentArm as ProtoArm,
  Experiment as ProtoExperiment,
  ExperimentQuestion as ProtoQuestion,
  RampExperimentRequest,
} from "../../../gen/modeltier/v1/experiment_pb.js";
import type { Question } from "../../experiments/statistics/question.ts";
import type { Experiment, ExperimentArm, ExperimentUnit } from "../../experiments/types.ts";
import { armFromProto, msOf, unitFromProto } from "../convert/experiment.ts";
import { reading, requireText } from "./analytics.ts";
import { checkWords } from "./author.ts";
import { LONGEST, MOST } from "./bounds.ts";
import { type FieldPath, requireRange, Violations } from "./violations.ts";

const NAME = "is not lower-case letters, digits and -, beginning with a letter";
const isName = (given: string, most: number): boolean =>
  /^[a-z][a-z0-9-]*$/.test(given) && given.length <= most;

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const USUAL_WINDOW_MS: Readonly<Record<ExperimentUnit, number>> = {
  agent: DAY_MS,
  session: 3_600_000,
  request: 60 * SECOND_MS,
};
const USUAL_WAIT_MS = 60 * SECOND_MS;
const LONGEST_WINDOW_MS = 30 * DAY_MS;
const LONGEST_WAIT_MS = 7 * DAY_MS;
const USUAL: Question = { alpha: 0.05, margin: 0.03, mostSuccessLost: 0.1 };

/** @throws InvalidRequestError naming every wrong field but those of the arms' configurations */
export function readExperiment(given: ProtoExperiment | undefined): Experiment {
  const at = ["experiment"];
  const found = new Violations();
  if (given === undefined) found.add(at, "is required");
  const read = given && readParts(found, given, at);
  found.throwIfAny();
  if (read === undefined) throw new Error("an experiment is incomplete");
  return read;
}

function readParts(found: Violations, given: ProtoExperiment, at: FieldPath): Experiment | undefined {
  const { experimentId, description, trafficShare, agentIds } = given;
  found.require(
    isName(experimentId, LONGEST.experimentId),
    [...at, "experiment_id"],
    `${NAME}; at most ${LONGEST.experimentId} characters`,
  );
  checkWords(found, description, LONGEST.experimentDescription, [...at, "description"]);
  const unit = unitFromProto(given.unit);
  if (unit === undefined) {
    found.add(
      [...at, "unit"],
      "is required: use EXPERIMENT_UNIT_AGENT, EXPERIMENT_UNIT_SESSION or EXPERIMENT_UNIT_REQUEST",
    );
  }
  checkArms(found, given.arms, [...at, "arms"]);
  checkShare(found, trafficShare, [...at, "traffic_share"]);
  found.require(
    agentIds.length <= MOST.experimentAgents,
    [...at, "agent_ids"],
    `has ${agentIds.length} agents; at most ${MOST.experimentAgents} are taken`,
  );
  agentIds.forEach((agentId, index) => {
    requireText(found, agentId, LONGEST.agentId, [...at, "agent_ids", index]);
  });
  const question = readQuestion(found, given.question, [...at, "question"]);
  const unitWindowMs =
    readDuration(found, given.unitWindow, LONGEST_WINDOW_MS, [...at, "unit_window"]) ??
    USUAL_WINDOW_MS[unit ?? "agent"];
  const feedbackWaitMs =
    readDuration(found, given.feedbackWait, LONGEST_WAIT_MS, [...at, "feedback_wait"]) ?? USUAL_WAIT_MS;
  const [first, ...others] = given.arms.flatMap((arm, index) => readArm(found, arm, [...at, "arms", index]));
  if (unit === undefined || first === undefined) return undefined;
  const arms: readonly [ExperimentArm, ...ExperimentArm[]] = [first, ...others];
  const whole = { experimentId, description, unit, arms, trafficShare, agentIds, question };
  return { ...whole, unitWindowMs, feedbackWaitMs };
}

function checkArms(found: Violations, arms: readonly ProtoArm[], at: FieldPath): void {
  const { experimentArms: most } = MOST;
  found.require(
    arms.length >= 2 && arms.length <= most,
    at,
    `has ${arms.length} arms; from 2 to ${most} are compared`,
  );
  arms.forEach(({ name, weight, config, fields }, index) => {
    const own = [...at, index];
    found.require(
      isName(name, LONGEST.experimentArm),
      [...own, "name"],
      `${NAME}; at most ${LONGEST.experimentArm} characters`,
    );
    found.require(
      arms.findIndex((other) => other.name === name) === index,
      [...own, "name"],
      "is that of another arm: give each its own",
    );
    checkWeight(found, weight, [...own, "weight"]);
    found.require(
      fields.length > 0 || arms.findIndex((other) => other.fields.length === 0) === index,
      [...own, "fields"],
      "is empty, like another arm's: only one arm can be the configuration in force",
    );
    found.require(
      fields.length === 0 || config !== undefined,
      [...own, "config"],
      "is missing: the fields are taken from it",
    );
  });
}

/** A duration may be longer than can be written down. */
function readArm(found: Violations, arm: ProtoArm, at: FieldPath): readonly ExperimentArm[] {
  try {
    return [armFromProto(arm)];
  } catch {
    found.add([...at, "config"], "holds a value that is out of its range");
    return [];
  }
}

const checkWeight = (found: Violations, weight: number, at: FieldPath): void =>
  found.require(
    weight > 0 && Number.isFinite(weight),
    at,
    `is ${weight}; it must be above 0: to take an arm out, stop it`,
  );

const checkShare = (found: Violations, share: number, at: FieldPath): void =>
  found.require(
    share > 0 && share <= 1,
    at,
    `is ${share}; it must be above 0 and at most 1: to draw nobody, stop it`,
  );

function readQuestion(found: Violations, given: ProtoQuestion | undefined, at: FieldPath): Question {
  const { alpha = 0, margin, mostSuccessLost, mostExtraNanoUsd } = given ?? {};
  found.require(alpha >= 0 && alpha < 0.5, [...at, "alpha"], `is ${alpha}; it must be from 0 to below 0.5`);
  requireRange(found, margin, [0, 1], [...at, "margin"]);
  requireRange(found, mostSuccessLost, [0, 1], [...at, "most_success_lost"]);
  found.require(
    mostExtraNanoUsd === undefined || (mostExtraNanoUsd >= 0n && mostExtraNanoUsd <= Number.MAX_SAFE_INTEGER),
    [...at, "most_extra_nano_usd"],
    "must be from 0 to 2^53 - 1",
  );
  return {
    alpha: alpha === 0 ? USUAL.alpha : alpha,
    margin: margin ?? USUAL.margin,
    mostSuccessLost: mostSuccessLost ?? USUAL.mostSuccessLost,
    ...(mostExtraNanoUsd !== undefined && { mostExtraNanoUsd: Number(mostExtraNanoUsd) }),
  };
}

function readDuration(
  found: Violations,
  given: Duration | undefined,
  mostMs: number,
  at: FieldPath,
): number | undefined {
  if (given === undefined) return undefined;
  const ms = msOf(given);
  found.require(ms >= 0 && ms <= mostMs, at, `must be from 0 to ${mostMs / SECOND_MS} s`);
  return ms;
}

/** The shares that are set anew, of an experiment with these arms. @throws InvalidRequestError */
export const readRamp = (
  { trafficShare, weights }: RampExperimentRequest,
  arms: readonly Pick<ExperimentArm, "name">[],
): Readonly<{ trafficShare?: number; weights: ReadonlyMap<string, number> }> =>
  reading((found) => {
    if (trafficShare !== undefined) checkShare(found, trafficShare, ["traffic_share"]);
    const entries = Object.entries(weights);
    for (const [name, weight] of entries) {
      const at = ["weights", name];
      found.require(
        arms.some((arm) => arm.name === name),
        at,
        `is of no arm: the arms are ${arms.map((arm) => arm.name).join(", ")}`,
      );
      checkWeight(found, weight, at);
    }
    if (trafficShare === undefined && entries.length === 0) {
      found.add(["traffic_share"], "is missing, and so are weights: set one of them at least");
    }
    return { ...(trafficShare !== undefined && { trafficShare }), weights: new Map(entries) };
  });

/** @throws InvalidRequestError */
export const readExperimentId = (experimentId: string): string =>
  reading((found) => {
    found.require(experimentId !== "", ["experiment_id"], "is empty: name the experiment");
    requireText(found, experimentId, LONGEST.experimentId, ["experiment_id"]);
    return experimentId;
  });

/** Where a page of the list begins. @returns undefined: at the newest @throws InvalidRequestError */
export const readListToken = (pageToken: string): number | undefined =>
  reading((found) => {
    if (pageToken === "") return undefined;
    const isOurs = /^[1-9]\d{0,14}$/.test(pageToken);
    found.require(
      isOurs,
      ["page_token"],
      "is not one of this service's: leave it out to begin with the newest",
    );
    return Number(pageToken);
  });
