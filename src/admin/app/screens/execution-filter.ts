/** Which executions one looks for: as the address has it, and as the contract asks for it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ListExecutionsRequestSchema } from "../../../../gen/modeltier/v1/execution_pb.js";
import type { Tier } from "../../../../gen/modeltier/v1/routing_pb.js";
import { nanoUsdOf } from "../text/format.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Whole minutes, so that the same question is asked again. What is not whole yet filters nothing. */
export function filterOf(
  query: URLSearchParams,
  nowMs: number,
): MessageInitShape<typeof ListExecutionsRequestSchema> {
  const hours = Number(query.get("hours") ?? 0);
  const start = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - hours * HOUR_MS;
  return {
    agentId: query.get("agent") ?? "",
    provider: query.get("provider") ?? "",
    model: query.get("model") ?? "",
    sessionId: query.get("session") ?? "",
    labels: labelOf(query.get("label") ?? ""),
    tier: Number(query.get("tier") ?? 0) as Tier,
    status: Number(query.get("status") ?? 0),
    intent: Number(query.get("intent") ?? 0),
    shadowDiffers: query.get("shadow") === "differs",
    experimentId: query.get("experiment") ?? "",
    // An arm is one of an experiment: while that is not named, it filters nothing.
    experimentArm: query.has("experiment") ? (query.get("arm") ?? "") : "",
    minCostNanoUsd: findNanoUsd(query.get("min") ?? "") ?? 0n,
    ...(hours > 0 && { window: { start: timestampFromDate(new Date(start)) } }),
  };
}

/** "team=sales" as a label; nothing while it is not whole. */
function labelOf(text: string): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  return name === undefined || value === undefined ? {} : { [name]: value };
}

/** "0.0015" or "$0.0015" in nano-USD; undefined when it is no amount. */
export function findNanoUsd(text: string): bigint | undefined {
  const [, amount] = /^\s*\$?\s*(\d+|\d*\.\d{1,9})\s*$/.exec(text) ?? [];
  return amount === undefined || amount.length > 18 ? undefined : nanoUsdOf(amount);
}
