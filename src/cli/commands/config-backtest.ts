import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  type BacktestReport,
  BacktestReportSchema,
  type BacktestSide,
  type CostEstimate,
  type OffPolicyEstimate,
} from "../../../gen/modeltier/v1/backtest_pb.js";
import { ConfigService } from "../../../gen/modeltier/v1/config_service_pb.js";
import { Tier } from "../../../gen/modeltier/v1/routing_pb.js";
import { usdFromNano } from "../../pricing/cost.ts";
import { type Command, EXIT } from "../cli.ts";
import { operandsOf, withFile } from "./config.ts";

export const backtestCommand: Command = {
  usage: "config backtest <file>",
  summary: "Says what a YAML configuration would have made of the executions of the last seven days.",
  options: {},
  async run(context) {
    const { operands, transport, terminal, json } = context;
    const [path = "-"] = operandsOf(operands, 1, 1);
    return withFile(path, context, async ({ config }) => {
      for await (const { event } of createClient(ConfigService, transport).backtestConfig({ config })) {
        if (event.case === "progress") {
          terminal.progress(`${event.value.executions} of ${event.value.total} executions`);
        } else if (event.case === "report") {
          terminal.progress("");
          terminal.print(
            json ? JSON.stringify(toJson(BacktestReportSchema, event.value)) : told(event.value),
          );
        }
      }
      return EXIT.done;
    });
  },
};

function told(report: BacktestReport): string {
  const { executions, withoutInputs, refused, tierChanges, targetChanges, recorded, candidate } = report;
  return [
    `${executions} executions decided anew: ${tierChanges} in another tier, ${targetChanges} at another target`,
    ...(withoutInputs > 0n ? [`${withoutInputs} have no recorded inputs`] : []),
    ...(refused > 0n ? [`${refused} would have been refused`] : []),
    `recorded:  ${sideLine(recorded)}`,
    `candidate: ${sideLine(candidate)}`,
    `success:   ${estimateLine(report.quality?.success)}`,
    `quality:   ${estimateLine(report.quality?.quality)}`,
    "",
    ...report.assumptions,
  ].join("\n");
}

const sideLine = (side: BacktestSide | undefined): string =>
  [
    costText(side?.cost),
    ...(side?.tiers ?? []).map(({ tier, executions }) => `${Tier[tier].toLowerCase()} ${executions}`),
  ].join(", ");

/** "0.913 (0.89 to 0.936) by SNIPS, …; recorded 0.92; 500 calls count as 480", or why not. */
function estimateLine(estimate: OffPolicyEstimate | undefined): string {
  if (estimate === undefined) return "not estimated by this release of the service";
  const { calls, effectiveCalls, recorded, refusal, snips, ips, doublyRobust } = estimate;
  if (refusal !== "") return `no estimate. ${refusal}`;
  const number = (value: number) => value.toFixed(3);
  const by = ([name, interval]: readonly [string, typeof snips]) =>
    interval === undefined
      ? []
      : [`${number(interval.value)} (${number(interval.lower)} to ${number(interval.upper)}) by ${name}`];
  const named = [
    ["SNIPS", snips],
    ["IPS", ips],
    ["doubly robust", doublyRobust],
  ] as const;
  return `${named.flatMap(by).join(", ")}; recorded ${number(recorded ?? 0)}; ${calls} calls count as ${effectiveCalls.toFixed(0)}`;
}

function costText(cost: CostEstimate | undefined): string {
  if (cost === undefined) return "nothing";
  const { costNanoUsd, lowestNanoUsd, highestNanoUsd, unpricedExecutions } = cost;
  const isExact = lowestNanoUsd === highestNanoUsd;
  const range = isExact ? "" : ` (${usdFromNano(lowestNanoUsd)} to ${usdFromNano(highestNanoUsd)})`;
  const unpriced = unpricedExecutions > 0n ? ` and ${unpricedExecutions} unpriced` : "";
  return `USD ${usdFromNano(costNanoUsd)}${range}${unpriced}`;
}
