/** What is asked by an experiment, and what may be said of an arm, in sentences. */
import {
  type ExperimentArm,
  type ExperimentArmReport,
  ExperimentMetric,
  type ExperimentReport,
  ExperimentStatus,
  ExperimentUnit,
  ExperimentVerdict,
} from "../../../../gen/modeltier/v1/experiment_pb.js";
import { findMeasure, sayDistance, sayPoints, sayRange } from "./metric-words.ts";

const listed = new Intl.ListFormat("en", { type: "conjunction" });

/** "Is kimi no worse than today on success (margin 3 points), and cheaper?" */
export function sayQuestion(arms: readonly Pick<ExperimentArm, "name">[], margin: number): string {
  const [first, ...others] = arms.map(({ name }) => name);
  return `${others.length === 1 ? "Is" : "Are"} ${listed.format(others)} no worse than ${first} on success (margin ${sayPoints(margin)}), and cheaper?`;
}

const UNITS: Readonly<Record<ExperimentUnit, readonly [string, string]>> = {
  [ExperimentUnit.UNSPECIFIED]: ["unit", "units"],
  [ExperimentUnit.AGENT]: ["agent", "agents"],
  [ExperimentUnit.SESSION]: ["session", "sessions"],
  [ExperimentUnit.REQUEST]: ["request", "requests"],
};
export const unitName = (unit: ExperimentUnit): string => UNITS[unit][0];
export const unitsName = (unit: ExperimentUnit): string => UNITS[unit][1];

export const statusName = (status: ExperimentStatus): string =>
  status === ExperimentStatus.RUNNING ? "running" : "stopped";

export const isRunning = ({ status }: Pick<ExperimentReport, "status">): boolean =>
  status === ExperimentStatus.RUNNING;

/** What may be the cause; all of them make the arms' units differ in more than the configuration. */
export const UNEVEN_CAUSES: readonly string[] = [
  "Calls of one arm are lost before they are recorded: replicas that crash or are killed under it, a spool that was deleted.",
  "Callers do something else after calls of one arm: they give up, or begin a new session and try again.",
  "Replicas run different versions of Modeltier, or did not hear of the shares that were set last.",
];

type Tone = "good" | "broken-text" | "attention" | "";

export type VerdictWords = Readonly<{
  mark: string;
  tone: Tone;
  /** What may be said, in a few words. */
  title: string;
  /** Why, or what is known so far. */
  details: readonly string[];
}>;

type About = Pick<ExperimentReport, "experiment" | "arms" | "status">;

/** Undefined for the first arm, which the others are compared with. */
export function sayVerdict(arm: ExperimentArmReport, about: About): VerdictWords | undefined {
  const { experiment, arms } = about;
  const first = arms[0]?.name ?? "";
  const { margin = 0, mostSuccessLost = 0, mostExtraNanoUsd } = experiment?.question ?? {};
  const known = saySoFar(arm, first, margin);
  const extra = sayDistance("money", Number(mostExtraNanoUsd ?? 0n));
  switch (arm.verdict) {
    case ExperimentVerdict.UNSPECIFIED:
      return undefined;
    case ExperimentVerdict.NO_WORSE_AND_CHEAPER:
      return { mark: "✓", tone: "good", title: `No worse than ${first}, and cheaper`, details: known };
    case ExperimentVerdict.WORSE:
      return {
        mark: "✕",
        tone: "broken-text",
        title: `Worse than ${first}: it loses more success than the margin of ${sayPoints(margin)}`,
        details: known,
      };
    case ExperimentVerdict.NOT_CHEAPER:
      return { mark: "✕", tone: "broken-text", title: `Not cheaper than ${first}`, details: known };
    case ExperimentVerdict.UNEVEN_SHARES:
      return {
        mark: "!",
        tone: "attention",
        title: "Believe nothing here: the arms do not get the shares they are meant to",
        details: [],
      };
    case ExperimentVerdict.STOPPED_SUCCESS_LOST:
      return {
        mark: "✕",
        tone: "broken-text",
        title: `Stopped by the guardrail on success: it certainly loses more than ${sayPoints(mostSuccessLost)}`,
        details: known,
      };
    case ExperimentVerdict.STOPPED_TOO_EXPENSIVE:
      return {
        mark: "✕",
        tone: "broken-text",
        title: `Stopped by the guardrail on cost: a call certainly costs more than ${extra} extra`,
        details: known,
      };
    default:
      return {
        mark: "…",
        tone: "",
        title:
          arm.stopped || !isRunning(about)
            ? "Not known: it was stopped before there were enough units"
            : "Not known yet: more units are needed",
        details: known,
      };
  }
}

/** Both halves of the question, each with what lies between its bounds. */
function saySoFar(arm: ExperimentArmReport, first: string, margin: number): readonly string[] {
  const success = findMeasure(arm, ExperimentMetric.SUCCESS)?.difference;
  const cost = findMeasure(arm, ExperimentMetric.COST)?.difference;
  if (success === undefined && cost === undefined) return ["No unit of both arms counts yet."];
  return [
    success === undefined
      ? "Success: no unit has a value yet."
      : `Success against ${first}: ${sayRange("share", success, ["worse", "better"])}${answered(
          success.lower !== undefined && success.lower > -margin,
          success.upper !== undefined && success.upper < -margin,
          ["which is no worse", "which is worse"],
          "so whether it is no worse is open",
        )}.`,
    cost === undefined
      ? "Cost: no unit has a value yet."
      : `Cost of a call against ${first}: ${sayRange("money", cost, ["less", "more"])}${answered(
          cost.upper !== undefined && cost.upper < 0,
          cost.lower !== undefined && cost.lower > 0,
          ["which is cheaper", "which is not cheaper"],
          "so whether it is cheaper is open",
        )}.`,
  ];
}

const answered = (
  yes: boolean,
  no: boolean,
  [ifYes, ifNo]: readonly [string, string],
  open: string,
): string => `, ${yes ? ifYes : no ? ifNo : open}`;
