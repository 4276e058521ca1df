/** The common question as a form has it, in text, and the experiment that it makes. */
import { clone, create } from "@bufbuild/protobuf";
import {
  type Experiment,
  ExperimentSchema,
  ExperimentUnit,
} from "../../../../gen/modeltier/v1/experiment_pb.js";
import { type RoutingConfig, RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { findNanoUsd } from "../screens/execution-filter.ts";
import type { TierName } from "../screens/what-if.ts";
import type { Violations } from "./field-violations.ts";
import { findShare, percentText } from "./shares.ts";

/** What the second arm has of its own. */
export const OWN_KINDS = {
  targets: "the models of a tier",
  thresholds: "the thresholds between tiers",
  scorer: "the scoring rule",
  version: "a published version as a whole",
} as const;
export type OwnKind = keyof typeof OWN_KINDS;

export type StartForm = Readonly<{
  id: string;
  description: string;
  unit: ExperimentUnit;
  /** Of the traffic, in percent. */
  traffic: string;
  /** Separated by commas; empty: all. */
  agents: string;
  first: string;
  second: string;
  kind: OwnKind;
  tier: TierName;
  /** In points, as the next. */
  margin: string;
  lost: string;
  /** In USD; empty: cost stops nothing. */
  extra: string;
}>;

/** The contract's, of what is not said. */
export const DEFAULTS = { margin: 0.03, mostSuccessLost: 0.1 } as const;

export const A_QUESTION: StartForm = {
  id: "",
  description: "",
  unit: ExperimentUnit.SESSION,
  traffic: "10",
  agents: "",
  first: "today",
  second: "",
  kind: "targets",
  tier: "balanced",
  margin: percentText(DEFAULTS.margin),
  lost: percentText(DEFAULTS.mostSuccessLost),
  extra: "",
};

/** The fields of the routing configuration that the second arm has of its own. */
export function fieldsOf({ kind, tier }: StartForm): string[] {
  if (kind === "version") return ["*"];
  return [kind === "targets" ? `tiers.${tier}.targets` : kind];
}

/** Only what is the arm's own: the rest is not looked at. @param own the whole document that it is taken from */
function ownOf({ kind, tier }: StartForm, own: RoutingConfig): RoutingConfig {
  if (kind === "version") return own;
  if (kind === "scorer") return create(RoutingConfigSchema, { scorer: own.scorer });
  if (kind === "thresholds") {
    return create(RoutingConfigSchema, { ...(own.thresholds && { thresholds: own.thresholds }) });
  }
  return create(RoutingConfigSchema, { tiers: { [tier]: { targets: own.tiers?.[tier]?.targets ?? [] } } });
}

/** The whole configuration of the second arm, as it is while nobody publishes. */
export function candidateOf(form: StartForm, inForce: RoutingConfig, own: RoutingConfig): RoutingConfig {
  if (form.kind === "version") return own;
  const candidate = clone(RoutingConfigSchema, inForce);
  const part = ownOf(form, own);
  if (form.kind === "scorer") candidate.scorer = part.scorer;
  if (form.kind === "thresholds" && part.thresholds !== undefined) candidate.thresholds = part.thresholds;
  const tier = candidate.tiers?.[form.tier];
  if (form.kind === "targets" && tier !== undefined) tier.targets = part.tiers?.[form.tier]?.targets ?? [];
  return candidate;
}

/** "3" points are 0.03; undefined when it is not from 0 to 100. */
function findPoints(text: string): number | undefined {
  const points = text.trim() === "" ? Number.NaN : Number(text);
  return points >= 0 && points <= 100 ? Number((points / 100).toPrecision(12)) : undefined;
}

/** What cannot be sent as it stands; the rest is for the service to judge. */
export function problemsOf(form: StartForm): Violations {
  const problems = new Map<string, string>();
  if (findShare(form.traffic) === undefined) {
    problems.set("traffic_share", "is no share: write a number above 0 and at most 100");
  }
  const points = "is no number of points: write one from 0 to 100";
  if (findPoints(form.margin) === undefined) problems.set("question.margin", points);
  if (findPoints(form.lost) === undefined) problems.set("question.most_success_lost", points);
  if (form.extra !== "" && findNanoUsd(form.extra) === undefined) {
    problems.set("question.most_extra_nano_usd", "is no amount: write 0.001");
  }
  return problems;
}

/** @param form that has no problems @param own the document that the second arm's fields are taken from */
export function experimentOf(form: StartForm, own: RoutingConfig): Experiment {
  const extra = findNanoUsd(form.extra);
  return create(ExperimentSchema, {
    experimentId: form.id.trim(),
    description: form.description.trim(),
    unit: form.unit,
    arms: [
      { name: form.first.trim(), weight: 1 },
      { name: form.second.trim(), weight: 1, fields: fieldsOf(form), config: ownOf(form, own) },
    ],
    trafficShare: findShare(form.traffic) ?? 0,
    agentIds: form.agents
      .split(",")
      .map((agent) => agent.trim())
      .filter((agent) => agent !== ""),
    question: {
      margin: findPoints(form.margin) ?? 0,
      mostSuccessLost: findPoints(form.lost) ?? 0,
      ...(extra !== undefined && { mostExtraNanoUsd: extra }),
    },
  });
}
