/** Requests of AnalyticsService for executions. */
import { createHash } from "node:crypto";
import {
  type ListExecutionsRequest,
  ExecutionStatus as ProtoStatus,
} from "../../../gen/modeltier/v1/execution_pb.js";
import { Intent as ProtoIntent } from "../../../gen/modeltier/v1/routing_pb.js";
import type { ExecutionFilter, ListPosition } from "../../store/execution-list.ts";
import { statusFromProto, stepTypeFromProto } from "../convert/names.ts";
import { readMoment, readSize, readTier, requireText } from "./analytics.ts";
import { LONGEST, MOST } from "./bounds.ts";
import type { Violations } from "./violations.ts";

export function readExecutionId(found: Violations, executionId: string): void {
  found.require(executionId !== "", ["execution_id"], "is empty: name the execution, as `completed` did");
  requireText(found, executionId, LONGEST.executionId, ["execution_id"]);
}

export type ListQuestion = Readonly<{ filter: ExecutionFilter; after?: ListPosition; pageSize: number }>;

/** @param owner whose executions may be seen; absent: everybody's */
export function readListQuestion(
  found: Violations,
  request: ListExecutionsRequest,
  owner?: string,
): ListQuestion {
  const filter = { ...readFilter(found, request), ...(owner !== undefined && { keyId: owner }) };
  const after = readPageToken(found, request.pageToken, filter);
  const pageSize = readSize(found, request.pageSize, { most: 200, usual: 50 }, ["page_size"]);
  return { filter, ...(after !== undefined && { after }), pageSize };
}

/** What is left out in the request is left out here. */
function readFilter(found: Violations, request: ListExecutionsRequest): ExecutionFilter {
  const from = readMoment(found, request.window?.start, ["window", "start"]);
  const to = readMoment(found, request.window?.end, ["window", "end"]);
  found.require(!(from && to) || from < to, ["window", "start"], "is not before the end");
  const tier = readTier(found, request.tier);
  const status = statusFromProto(request.status);
  found.require(
    ProtoStatus[request.status] !== undefined,
    ["status"],
    "is not known: use EXECUTION_STATUS_OK and so on",
  );
  found.require(
    ProtoIntent[request.intent] !== undefined,
    ["intent"],
    "is not known: use INTENT_GENERATE and so on",
  );
  found.require(request.minCostNanoUsd >= 0n, ["min_cost_nano_usd"], "is negative; it must be 0 or more");
  return {
    ...(from && { from }),
    ...(to && { to }),
    ...(tier && { tier }),
    ...(status && { status }),
    ...readTexts(found, request),
    ...readLabels(found, request.labels),
    ...(request.intent !== ProtoIntent.UNSPECIFIED && { intent: stepTypeFromProto(request.intent) }),
    ...(request.minCostNanoUsd > 0n && { minCostNanoUsd: request.minCostNanoUsd }),
    ...(request.shadowDiffers && { shadowDiffers: true as const }),
    ...readExperiment(found, request),
  };
}

function readTexts(found: Violations, { agentId, provider, model, sessionId }: ListExecutionsRequest) {
  requireText(found, agentId, LONGEST.agentId, ["agent_id"]);
  requireText(found, provider, LONGEST.modelName, ["provider"]);
  requireText(found, model, LONGEST.modelName, ["model"]);
  requireText(found, sessionId, LONGEST.sessionId, ["session_id"]);
  return {
    ...(agentId !== "" && { agentId }),
    ...(provider !== "" && { provider }),
    ...(model !== "" && { model }),
    ...(sessionId !== "" && { sessionId }),
  };
}

function readExperiment(found: Violations, { experimentId, experimentArm }: ListExecutionsRequest) {
  requireText(found, experimentId, LONGEST.experimentId, ["experiment_id"]);
  requireText(found, experimentArm, LONGEST.experimentArm, ["experiment_arm"]);
  found.require(
    experimentArm === "" || experimentId !== "",
    ["experiment_arm"],
    "is of no experiment: name it in experiment_id, too",
  );
  return {
    ...(experimentId !== "" && { experimentId }),
    ...(experimentArm !== "" && { experimentArm }),
  };
}

function readLabels(
  found: Violations,
  labels: Readonly<Record<string, string>>,
): Pick<ExecutionFilter, "labels"> {
  const entries = Object.entries(labels);
  found.require(
    entries.length <= MOST.labels,
    ["labels"],
    `has ${entries.length} labels; at most ${MOST.labels} are taken`,
  );
  for (const [key, value] of entries) {
    requireText(found, key, LONGEST.labelKey, ["labels"]);
    requireText(found, value, LONGEST.labelValue, ["labels", key]);
  }
  return entries.length === 0 ? {} : { labels };
}

const TOKEN = /^(\d{1,17})\.([0-9a-f]{16})\.(.{1,256})$/s;

/** Where the next page begins. Holds a digest of the filters, so that it cannot be taken for another list's. */
export const pageTokenOf = ({ createdAtUs, executionId }: ListPosition, filter: ExecutionFilter): string =>
  Buffer.from(`${createdAtUs}.${digestOf(filter)}.${executionId}`).toString("base64url");

function readPageToken(found: Violations, token: string, filter: ExecutionFilter): ListPosition | undefined {
  if (token === "") return undefined;
  const [, createdAtUs, digest, executionId] = TOKEN.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (createdAtUs === undefined || executionId === undefined || executionId.includes("\u0000")) {
    found.add(["page_token"], "is not one of this service's: leave it out to begin with the newest");
  } else if (digest !== digestOf(filter)) {
    found.add(["page_token"], "belongs to a list with other filters: leave it out to begin with the newest");
  } else {
    return { createdAtUs: BigInt(createdAtUs), executionId };
  }
  return undefined;
}

function digestOf(filter: ExecutionFilter): string {
  const { labels = {}, ...rest } = filter;
  const sorted = [
    ...Object.entries(rest),
    ...Object.entries(labels).map(([key, value]) => [`label ${key}`, value]),
  ].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  const text = JSON.stringify(sorted, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
