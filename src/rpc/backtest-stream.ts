/** BacktestConfig: one at a time, from the request to the report. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import type { BacktestConfigRequest, BacktestConfigResponse } from "../../gen/modeltier/v1/backtest_pb.js";
import type { BacktestEvent } from "../backtest/types.ts";
import type { ConfigDocument } from "../config/document.ts";
import type { RecordedFilter } from "../store/recorded-executions.ts";
import { callerErrorOf } from "./config-errors.ts";
import { backtestEventToProto } from "./convert/backtest.ts";
import { stepTypeFromProto, tierFromProto } from "./convert/names.ts";
import { InvalidRequestError } from "./validate/violations.ts";

export type BacktestDeps = Readonly<{
  run(
    document: ConfigDocument,
    filter: RecordedFilter,
    options: Readonly<{ maxExecutions: number; signal: AbortSignal }>,
  ): AsyncIterable<BacktestEvent>;
  wallMs(): number;
  /** Of the process: a backtest takes a core while it runs. */
  slot: { isTaken: boolean };
}>;

const USUAL_WINDOW_MS = 7 * 86_400_000;
const EXECUTIONS = { usual: 100_000, most: 1_000_000 };

export async function* backtestStream(
  request: BacktestConfigRequest,
  document: ConfigDocument,
  { run, wallMs, slot }: BacktestDeps,
  signal: AbortSignal,
): AsyncGenerator<BacktestConfigResponse> {
  const filter = filterOf(request, wallMs());
  const maxExecutions = maxExecutionsOf(request);
  if (slot.isTaken) throw runningAlready();
  slot.isTaken = true;
  try {
    for await (const event of run(document, filter, { maxExecutions, signal })) {
      yield backtestEventToProto(event);
    }
  } catch (error) {
    throw callerErrorOf(error);
  } finally {
    slot.isTaken = false;
  }
}

function filterOf({ from, to, filter }: BacktestConfigRequest, nowMs: number): RecordedFilter {
  const end = to === undefined ? new Date(nowMs) : timestampDate(to);
  const begin = from === undefined ? new Date(end.getTime() - USUAL_WINDOW_MS) : timestampDate(from);
  if (begin >= end) {
    throw new InvalidRequestError([{ path: ["from"], description: "must be before `to`" }]);
  }
  const intent = filter === undefined ? "unspecified" : stepTypeFromProto(filter.intent);
  const tier = filter && tierFromProto(filter.tier);
  return {
    from: begin,
    to: end,
    ...(filter?.agentId ? { agentId: filter.agentId } : {}),
    ...(intent !== "unspecified" && { intent }),
    ...(tier !== undefined && { tier }),
  };
}

function maxExecutionsOf({ maxExecutions }: BacktestConfigRequest): number {
  if (maxExecutions < 0 || maxExecutions > EXECUTIONS.most) {
    const description = `is ${maxExecutions}; at most ${EXECUTIONS.most} are read, and 0 is ${EXECUTIONS.usual}`;
    throw new InvalidRequestError([{ path: ["max_executions"], description }]);
  }
  return maxExecutions === 0 ? EXECUTIONS.usual : maxExecutions;
}

const runningAlready = (): ConnectError =>
  new ConnectError("a backtest is running here already: wait for it", Code.ResourceExhausted, undefined, [
    { desc: ErrorInfoSchema, value: { reason: "BACKTEST_RUNNING", domain: "modeltier" } },
  ]);
