import { toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { AnalyticsService } from "../../../gen/modeltier/v1/analytics_service_pb.js";
import {
  type Execution,
  ExecutionStatus,
  type GetExecutionResponse,
  GetExecutionResponseSchema,
  ListExecutionsResponseSchema,
} from "../../../gen/modeltier/v1/execution_pb.js";
import type { FeedbackSummary } from "../../../gen/modeltier/v1/feedback_pb.js";
import { usdFromNano } from "../../pricing/cost.ts";
import { type Command, EXIT, UsageError } from "../cli.ts";

export const executionsCommand: Command = {
  usage: "executions [id]",
  summary: "Lists the newest executions, or shows one: why it was decided so, and its attempts.",
  options: {},
  async run({ operands, transport, terminal, json }) {
    if (operands.length > 1) throw new UsageError(`${operands[1]} is one word too many`);
    const client = createClient(AnalyticsService, transport);
    const [executionId] = operands;
    if (executionId === undefined) {
      const response = await client.listExecutions({});
      if (json) terminal.print(JSON.stringify(toJson(ListExecutionsResponseSchema, response)));
      else for (const execution of response.executions) terminal.print(lineOf(execution));
    } else {
      const response = await client.getExecution({ executionId });
      terminal.print(json ? JSON.stringify(toJson(GetExecutionResponseSchema, response)) : storyOf(response));
    }
    return EXIT.done;
  },
};

function lineOf({
  executionId,
  createdAt,
  status,
  agentId,
  target,
  costNanoUsd,
  feedback,
}: Execution): string {
  const at = createdAt === undefined ? "" : timestampDate(createdAt).toISOString();
  const served = `${target?.provider}/${target?.model}`;
  return [
    executionId,
    at,
    ExecutionStatus[status].toLowerCase(),
    agentId,
    served,
    `USD ${usdFromNano(costNanoUsd)}`,
    ...worthOf(feedback),
  ].join("  ");
}

/** "quality 4.5 of 5", "2 of 3 say it did what it was for": what was said, where anything was. */
function worthOf(feedback: FeedbackSummary | undefined): readonly string[] {
  if (feedback === undefined) return [];
  const { quality, succeeded, failed } = feedback;
  return [
    ...(quality === undefined ? [] : [`quality ${quality.toFixed(1)} of 5`]),
    ...(succeeded + failed === 0 ? [] : [`${succeeded} of ${succeeded + failed} say it did what it was for`]),
  ];
}

const storyOf = ({ execution, decision, attempts }: GetExecutionResponse): string =>
  [
    ...(execution === undefined ? [] : [lineOf(execution)]),
    decision?.reason ?? "",
    ...attempts.map(({ attempt }) =>
      [
        `attempt ${attempt?.attempt}`,
        `${attempt?.target?.provider}/${attempt?.target?.model}`,
        attempt?.outcome,
      ].join("  "),
    ),
  ].join("\n");
