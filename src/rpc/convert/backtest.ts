import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type BacktestConfigResponse,
  BacktestConfigResponseSchema,
  type BacktestGroupSchema,
  type BacktestReportSchema,
  type BacktestSideSchema,
  type CostEstimateSchema,
  type OffPolicyEstimateSchema,
} from "../../../gen/modeltier/v1/backtest_pb.js";
import type { QualityEstimate } from "../../backtest/quality.ts";
import type { BacktestEvent, BacktestReport, CostSum, Group, Side } from "../../backtest/types.ts";
import { PROTO_TIER } from "./names.ts";

export const backtestEventToProto = (event: BacktestEvent): BacktestConfigResponse =>
  create(BacktestConfigResponseSchema, {
    event:
      event.kind === "progress"
        ? {
            case: "progress",
            value: { executions: BigInt(event.executions), total: BigInt(event.total) },
          }
        : { case: "report", value: reportToProto(event.report) },
  });

const reportToProto = (report: BacktestReport): MessageInitShape<typeof BacktestReportSchema> => ({
  executions: BigInt(report.executions),
  withoutInputs: BigInt(report.withoutInputs),
  refused: BigInt(report.refused),
  tierChanges: BigInt(report.tierChanges),
  targetChanges: BigInt(report.targetChanges),
  recorded: sideToProto(report.recorded),
  candidate: sideToProto(report.candidate),
  tierFlows: report.flows.map(({ from, to, executions }) => ({
    from: PROTO_TIER[from],
    to: PROTO_TIER[to],
    executions: BigInt(executions),
  })),
  byAgent: report.byAgent.map(groupToProto),
  byIntent: report.byIntent.map(groupToProto),
  assumptions: [...report.assumptions],
  from: report.window && timestampFromDate(report.window.from),
  to: report.window && timestampFromDate(report.window.to),
  quality: {
    success: estimateToProto(report.quality.success),
    quality: estimateToProto(report.quality.quality),
  },
});

function estimateToProto({
  recorded,
  answer,
}: QualityEstimate): MessageInitShape<typeof OffPolicyEstimateSchema> {
  const known = {
    calls: BigInt(answer.calls),
    effectiveCalls: answer.effectiveCalls,
    ...(recorded !== undefined && { recorded }),
  };
  if (answer.kind === "refused") return { ...known, refusal: answer.reason };
  const { snips, ips, doublyRobust } = answer;
  return { ...known, snips, ips, ...(doublyRobust !== undefined && { doublyRobust }) };
}

const sideToProto = ({ tiers, targets, cost }: Side): MessageInitShape<typeof BacktestSideSchema> => ({
  tiers: tiers.map((share) => ({
    tier: PROTO_TIER[share.of],
    executions: BigInt(share.executions),
    cost: costToProto(share.cost),
  })),
  targets: targets.map((share) => ({
    target: share.of,
    executions: BigInt(share.executions),
    cost: costToProto(share.cost),
  })),
  cost: costToProto(cost),
});

const groupToProto = (group: Group): MessageInitShape<typeof BacktestGroupSchema> => ({
  name: group.name,
  executions: BigInt(group.executions),
  tierChanges: BigInt(group.tierChanges),
  recorded: costToProto(group.recorded),
  candidate: costToProto(group.candidate),
});

const costToProto = (sum: CostSum): MessageInitShape<typeof CostEstimateSchema> => ({
  costNanoUsd: sum.cost,
  lowestNanoUsd: sum.lowest,
  highestNanoUsd: sum.highest,
  unpricedExecutions: BigInt(sum.unpricedExecutions),
});
