/** Which arm a call is drawn into: by its agent, its session or what it says, never by chance. */
import { createHash } from "node:crypto";
import type { DecisionExperiment, RoutingConfig, RoutingRequest } from "../routing/types.ts";
import { type Arm, assign } from "./statistics/assign.ts";
import type { Experiment, ExperimentUnit, RunningExperiment } from "./types.ts";

export type Drawn = Readonly<{ config: RoutingConfig; experiment: DecisionExperiment }>;

/** No arm's name. */
const OUTSIDE = "";

/** @returns undefined: the call has the configuration in force, and does not count */
export function draw(running: RunningExperiment, request: RoutingRequest): Drawn | undefined {
  const { experiment, split, configs } = running;
  const { experimentId, agentIds } = experiment;
  if (agentIds.length > 0 && !agentIds.includes(request.agentId)) return undefined;
  const unit = unitOf(request, experiment.unit);
  const arm = assign(experimentId, unit, sharesOf(experiment));
  const config = configs.get(arm);
  return config && { config, experiment: { id: experimentId, arm, unit, split } };
}

/** The arms' shares of all units, stopped ones among them: who was drawn into one of these is not drawn again. */
function sharesOf(experiment: Experiment): readonly Arm[] {
  const { arms, trafficShare } = experiment;
  const known = shares.get(experiment);
  if (known !== undefined) return known;
  const total = arms.reduce((sum, { weight }) => sum + weight, 0);
  const drawn = arms.map(({ name, weight }) => ({ name, weight: (weight / total) * trafficShare }));
  const all = trafficShare < 1 ? [...drawn, { name: OUTSIDE, weight: 1 - trafficShare }] : drawn;
  shares.set(experiment, all);
  return all;
}
const shares = new WeakMap<Experiment, readonly Arm[]>();

/**
 * The name under which a call is drawn: a digest, which tells nothing of what was said. A request is its agent, its step and its messages;
 * how many output tokens it asks for and at what temperature is not looked at.
 */
export function unitOf(request: RoutingRequest, kind: ExperimentUnit): string {
  const { agentId, sessionId, intent, step, chat } = request;
  if (kind === "request") return digest(["request", agentId, intent, step ?? null, chat ?? null]);
  return kind === "session" && sessionId !== ""
    ? digest(["session", agentId, sessionId])
    : digest(["agent", agentId]);
}

const digest = (parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 22);
