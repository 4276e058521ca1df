/** The words of experiments. Plain data. */
import type { Json } from "../config/diff.ts";
import type { RoutingConfig } from "../routing/types.ts";
import type { ArmEvidence, Question } from "./statistics/question.ts";

/** What is drawn into an arm and stays there. */
export const EXPERIMENT_UNITS = ["agent", "session", "request"] as const;
export type ExperimentUnit = (typeof EXPERIMENT_UNITS)[number];

export type ExperimentArm = Readonly<{
  name: string;
  /** Relative to the other arms'; above 0. */
  weight: number;
  /** Its own fields of the routing configuration, by the contract's names: "tiers.balanced.targets"; ["*"]: all of it. */
  fields: readonly string[];
  /** Where these are taken from: a routing configuration in the contract's JSON, of which the rest is not looked at. */
  own: Readonly<{ [field: string]: Json }>;
}>;

export type Experiment = Readonly<{
  experimentId: string;
  description: string;
  unit: ExperimentUnit;
  /** From 2 to 8; the others are compared with the first. */
  arms: readonly [ExperimentArm, ...ExperimentArm[]];
  /** Of units that are drawn into an arm, in (0, 1]. */
  trafficShare: number;
  /** Whose calls; empty: everyone's. */
  agentIds: readonly string[];
  question: Question;
  /** Calls of a unit count for so long from its first on. */
  unitWindowMs: number;
  /** How long feedback is waited for after that. */
  feedbackWaitMs: number;
}>;

/** Why an arm was taken out. */
export const ARM_STOPS = ["success_lost", "too_expensive", "operator"] as const;
export type ArmStop = (typeof ARM_STOPS)[number];

export type ExperimentStatus = "running" | "stopped";

/** What is known of an experiment besides what it is. Plain JSON. */
export type ExperimentState = Readonly<{
  /** Counts the shares that were set, from 1. */
  split: number;
  /** By arm. */
  stopped: Readonly<Record<string, ArmStop>>;
  /** By arm. */
  evidence: Readonly<Record<string, ArmEvidence>>;
  /** Units that began under the shares in force now and count, by arm. */
  counts: Readonly<Record<string, number>>;
}>;

export type KnownExperiment = Readonly<{
  experiment: Experiment;
  state: ExperimentState;
  status: ExperimentStatus;
  startedAt: Date;
  stoppedAt?: Date;
}>;

/** An experiment as calls are drawn into it. */
export type RunningExperiment = Readonly<{
  experiment: Experiment;
  /** Of its state. */
  split: number;
  /** Of the arms that are left, over the configuration in force. */
  configs: ReadonlyMap<string, RoutingConfig>;
}>;

/** Arms that calls are drawn into. */
export const liveArms = ({ arms }: Experiment, { stopped }: ExperimentState): readonly ExperimentArm[] =>
  arms.filter(({ name }) => stopped[name] === undefined);
