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

function lineOf({ executionId, createdAt, status, agentId, target, costNanoUsd }: Execution): string {
  const at = createdAt === undefined ? "" : timestampDate(createdAt).toISOString();
  const served = `${target?.provider}/${target?.model}`;
  return [
    executionId,
    at,
    ExecutionStatus[status].toLowerCase(),
    agentId,
    served,
    `USD ${usdFromNano(costNanoUsd)}`,
  ].join("  ");
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
