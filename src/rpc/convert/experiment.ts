/** Experiments in the contract's words and in ours. */
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Duration, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ConfigChange } from "../../../gen/modeltier/v1/config_pb.js";
import {
  type ExperimentArmReport,
  ExperimentArmReportSchema,
  ExperimentEventSchema,
  type ExperimentInterval,
  ExperimentIntervalSchema,
  type ExperimentMeasure,
  ExperimentMeasureSchema,
  type ExperimentReport,
  ExperimentReportSchema,
  ExperimentSchema,
  type ExperimentSummary,
  ExperimentSummarySchema,
  type ExperimentArm as ProtoArm,
  ExperimentMetric as ProtoMetric,
  ExperimentStatus as ProtoStatus,
  ExperimentUnit as ProtoUnit,
  ExperimentVerdict as ProtoVerdict,
} from "../../../gen/modeltier/v1/experiment_pb.js";
import { RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import type { JsonObject } from "../../experiments/arm-fields.ts";
import { answerFor, countsOf, hasUnevenShares, questionPerArm } from "../../experiments/experiment.ts";
import type { Interval } from "../../experiments/statistics/interval.ts";
import { listMeasures, type Metric } from "../../experiments/statistics/measures.ts";
import type { Verdict } from "../../experiments/statistics/question.ts";
import {
  type ArmStop,
  type Experiment,
  type ExperimentArm,
  type ExperimentStatus,
  type ExperimentUnit,
  type KnownExperiment,
  liveArms,
} from "../../experiments/types.ts";
import type { ExperimentEvent } from "../../store/experiments.ts";
import { configJson } from "./config-codec.ts";
import { durationFromMs } from "./route.ts";

const PROTO_UNIT: Readonly<Record<ExperimentUnit, ProtoUnit>> = {
  agent: ProtoUnit.AGENT,
  session: ProtoUnit.SESSION,
  request: ProtoUnit.REQUEST,
};
/** Undefined for EXPERIMENT_UNIT_UNSPECIFIED, and for one that is not known. */
export const unitFromProto = (unit: ProtoUnit): ExperimentUnit | undefined =>
  (Object.keys(PROTO_UNIT) as ExperimentUnit[]).find((name) => PROTO_UNIT[name] === unit);

const PROTO_STATUS: Readonly<Record<ExperimentStatus, ProtoStatus>> = {
  running: ProtoStatus.RUNNING,
  stopped: ProtoStatus.STOPPED,
};

const PROTO_METRIC: Readonly<Record<Metric, ProtoMetric>> = {
  success: ProtoMetric.SUCCESS,
  quality: ProtoMetric.QUALITY,
  costNanoUsd: ProtoMetric.COST,
  latencyMs: ProtoMetric.LATENCY,
  firstTokenMs: ProtoMetric.FIRST_TOKEN,
  fallbackRate: ProtoMetric.FALLBACK_RATE,
};

const PROTO_VERDICT: Readonly<Record<Verdict, ProtoVerdict>> = {
  "uneven shares: believe nothing below": ProtoVerdict.UNEVEN_SHARES,
  "stop: too much success lost": ProtoVerdict.STOPPED_SUCCESS_LOST,
  "stop: too expensive": ProtoVerdict.STOPPED_TOO_EXPENSIVE,
  "no worse and cheaper": ProtoVerdict.NO_WORSE_AND_CHEAPER,
  worse: ProtoVerdict.WORSE,
  "not cheaper": ProtoVerdict.NOT_CHEAPER,
  "not known yet": ProtoVerdict.NOT_KNOWN_YET,
};
const VERDICT_OF_STOP: Readonly<Partial<Record<ArmStop, ProtoVerdict>>> = {
  success_lost: ProtoVerdict.STOPPED_SUCCESS_LOST,
  too_expensive: ProtoVerdict.STOPPED_TOO_EXPENSIVE,
};

export const msOf = ({ seconds, nanos }: Duration): number => Number(seconds) * 1_000 + nanos / 1_000_000;

export const armFromProto = ({ name, weight, fields, config }: ProtoArm): ExperimentArm => ({
  name,
  weight,
  fields,
  own: config === undefined ? {} : (configJson(config) as JsonObject),
});

const armToProto = ({ name, weight, fields, own }: ExperimentArm) => ({
  name,
  weight,
  fields: [...fields],
  ...(fields.length > 0 && {
    config: fromJson(RoutingConfigSchema, own as JsonValue, { ignoreUnknownFields: true }),
  }),
});

function experimentToProto(experiment: Experiment) {
  const { question, unit, arms, agentIds, unitWindowMs, feedbackWaitMs, ...rest } = experiment;
  const { mostExtraNanoUsd, ...shares } = question;
  return create(ExperimentSchema, {
    ...rest,
    unit: PROTO_UNIT[unit],
    arms: arms.map(armToProto),
    agentIds: [...agentIds],
    question: {
      ...shares,
      ...(mostExtraNanoUsd !== undefined && { mostExtraNanoUsd: BigInt(mostExtraNanoUsd) }),
    },
    unitWindow: durationFromMs(unitWindowMs),
    feedbackWait: durationFromMs(feedbackWaitMs),
  });
}

const timesOf = ({ startedAt, stoppedAt }: KnownExperiment) => ({
  startedAt: timestampFromDate(startedAt),
  ...(stoppedAt !== undefined && { stoppedAt: timestampFromDate(stoppedAt) }),
});

export const summaryToProto = (known: KnownExperiment): ExperimentSummary =>
  create(ExperimentSummarySchema, {
    experimentId: known.experiment.experimentId,
    description: known.experiment.description,
    status: PROTO_STATUS[known.status],
    ...timesOf(known),
    arms: known.experiment.arms.map(({ name }) => name),
  });

export type ReportParts = Readonly<{
  /** By arm. */
  waiting: ReadonlyMap<string, number>;
  events: readonly ExperimentEvent[];
  /** What an arm changes of the configuration in force. */
  changesOf(arm: ExperimentArm): readonly ConfigChange[];
}>;

export function reportToProto(known: KnownExperiment, parts: ReportParts): ExperimentReport {
  const { experiment, state, status } = known;
  return create(ExperimentReportSchema, {
    experiment: experimentToProto(experiment),
    status: PROTO_STATUS[status],
    ...timesOf(known),
    arms: experiment.arms.map((arm) => armReport(known, arm, parts)),
    unevenShares: liveArms(experiment, state).length > 1 && hasUnevenShares(experiment, state),
    events: parts.events.map(({ at, author, action, detail }) =>
      create(ExperimentEventSchema, {
        at: timestampFromDate(at),
        author,
        description: describe(action, detail as EventDetail),
      }),
    ),
  });
}

function armReport(
  { experiment, state }: KnownExperiment,
  arm: ExperimentArm,
  { waiting, changesOf }: ReportParts,
): ExperimentArmReport {
  const { name } = arm;
  const why = state.stopped[name];
  const place = liveArms(experiment, state).findIndex((live) => live.name === name);
  return create(ExperimentArmReportSchema, {
    name,
    share: countsOf(experiment, state)[place]?.share ?? 0,
    stopped: why !== undefined,
    units: BigInt(state.evidence[name]?.units ?? 0),
    unitsWaiting: BigInt(waiting.get(name) ?? 0),
    measures: measuresOf(experiment, state, name),
    verdict: (why && VERDICT_OF_STOP[why]) ?? verdictOf(experiment, state, name),
    changes: [...changesOf(arm)],
  });
}

function verdictOf(experiment: Experiment, state: KnownExperiment["state"], arm: string): ProtoVerdict {
  const found = answerFor(experiment, state, arm);
  return found === undefined ? ProtoVerdict.UNSPECIFIED : PROTO_VERDICT[found.verdict];
}

function measuresOf(
  experiment: Experiment,
  { evidence }: KnownExperiment["state"],
  name: string,
): ExperimentMeasure[] {
  const own = evidence[name];
  const [first] = experiment.arms;
  if (own === undefined) return [];
  const against = name === first.name ? undefined : evidence[first.name];
  return listMeasures(own, against, questionPerArm(experiment)).map(({ metric, units, value, difference }) =>
    create(ExperimentMeasureSchema, {
      metric: PROTO_METRIC[metric],
      units: BigInt(units),
      value: intervalToProto(value),
      ...(difference && { difference: intervalToProto(difference) }),
    }),
  );
}

/** What nothing bounds has no bound. */
const intervalToProto = ({ estimate, lower, upper }: Interval): ExperimentInterval =>
  create(ExperimentIntervalSchema, {
    estimate,
    ...(Number.isFinite(lower) && { lower }),
    ...(Number.isFinite(upper) && { upper }),
  });

const WHY: Readonly<Record<ArmStop, string>> = {
  success_lost: "it loses too much success",
  too_expensive: "it is too expensive",
  operator: "an operator said so",
};

/** What the entries of the audit log hold; see `ExperimentChange`. */
type EventDetail = Readonly<{
  traffic_share?: number;
  weights?: Readonly<Record<string, number>>;
  arms?: Readonly<Record<string, ArmStop>>;
  comment?: string;
}>;

/** An entry of the audit log in a sentence. */
function describe(action: string, detail: EventDetail): string {
  const { traffic_share: share, weights = {}, arms = {}, comment = "" } = detail;
  const about = comment === "" ? "" : `: ${comment}`;
  switch (action) {
    case "experiment.start":
      return "Started";
    case "experiment.ramp": {
      const set = Object.entries(weights).map(([arm, weight]) => `, ${arm} ${weight}`);
      return `Shares set: ${share} of the traffic${set.join("")}`;
    }
    case "experiment.stop_arm": {
      const out = Object.entries(arms).map(([arm, why]) => `Arm ${arm} taken out, because ${WHY[why]}`);
      return `${out.join("; ")}${about}`;
    }
    default:
      return `Stopped${about}`;
  }
}
