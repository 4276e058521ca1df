import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Kysely } from "kysely";
import {
  GetCostTrendResponseSchema,
  GetOverviewResponseSchema,
  GetProviderDistributionResponseSchema,
  GetProviderPerformanceResponseSchema,
  GetScoreHistogramResponseSchema,
  ListAgentCostsResponseSchema,
  WatchOverviewResponseSchema,
} from "../../gen/modeltier/v1/analytics_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { ListExecutionsResponseSchema } from "../../gen/modeltier/v1/execution_pb.js";
import type { Calendar } from "../analytics/calendar.ts";
import { bandOf, type TargetBand } from "../analytics/distribution.ts";
import type { Overview } from "../analytics/overview.ts";
import { PERCENTILE_ERROR } from "../analytics/percentiles.ts";
import {
  readAgentCosts,
  readCostTrend,
  readDistribution,
  readMonth,
  readOverview,
  readPerformance,
} from "../analytics/reports.ts";
import type { RoutingConfig } from "../routing/types.ts";
import { findLearnedAt, readStates } from "../store/agent-scores.ts";
import { listAttempts } from "../store/attempts.ts";
import { listExecutions } from "../store/execution-list.ts";
import { listScoreCounts } from "../store/execution-rollups.ts";
import { findExecution, findStatedScore } from "../store/executions.ts";
import { listFeedback, sumFeedback } from "../store/feedback.ts";
import { isPromptStored } from "../store/stored-prompts.ts";
import type { Database } from "../store/tables.ts";
import type { Log } from "../telemetry/log.ts";
import { ownerFor } from "./caller.ts";
import { agentScoreToProto } from "./convert/agent-score.ts";
import {
  agentCostToProto,
  costPointToProto,
  costSeriesToProto,
  distributionToProto,
  overviewToProto,
  performanceToProto,
  projectionToProto,
  totalsToProto,
  windowToProto,
} from "./convert/analytics.ts";
import { executionInFullToProto, executionToProto } from "./convert/execution.ts";
import { LIMITS } from "./limits.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { fromStore } from "./store-errors.ts";
import {
  readBand,
  readCalendar,
  readCostQuestion,
  readInterval,
  reading,
  readPerformanceQuestion,
  readSize,
  readWindow,
  requireText,
} from "./validate/analytics.ts";
import { LONGEST } from "./validate/bounds.ts";
import { pageTokenOf, readExecutionId, readListQuestion } from "./validate/executions.ts";
import { SharedReads, type Watchers } from "./watchers.ts";

export type AnalyticsServiceDeps = Readonly<{
  /** Of its own, so that long reads hold nobody up. */
  db: Kysely<Database>;
  config: () => RoutingConfig;
  watchers: Watchers;
  wallDate: () => Date;
  log: Log;
}>;

/** An overview is good for as long as this, for all who ask for the same. */
const OVERVIEW_MS = 1_000;
const MOST_FEEDBACK = 100;

export function analyticsService(deps: AnalyticsServiceDeps): ServiceEntry {
  const { db, config, watchers, wallDate, log } = deps;
  const ask = <T>(answer: Promise<T>): Promise<T> => fromStore(answer, log);
  const overviews = new SharedReads<Overview>(OVERVIEW_MS, () => wallDate().getTime());
  const overview = async (timeZone: string, calendar: Calendar, band: TargetBand) => {
    const key = JSON.stringify([timeZone, band]);
    const read = overviews.get(key, () => readOverview(db, calendar, band, wallDate()));
    return overviewToProto(await ask(read));
  };

  return serviceEntry(AnalyticsService, {
    getOverview: async ({ timeZone, band: givenBand }) => {
      const [calendar, band] = reading((found) => [
        readCalendar(found, timeZone),
        readBand(found, givenBand, bandOf(config())),
      ]);
      return create(GetOverviewResponseSchema, { overview: await overview(timeZone, calendar, band) });
    },
    watchOverview: (request, { signal }) => {
      const { timeZone } = request;
      const [calendar, band, intervalMs] = reading((found) => [
        readCalendar(found, timeZone),
        readBand(found, request.band, bandOf(config())),
        readInterval(found, request),
      ]);
      const next = async () =>
        create(WatchOverviewResponseSchema, { overview: await overview(timeZone, calendar, band) });
      return watchers.watch(next, { intervalMs, longestMs: LIMITS.callMs, signal });
    },
    getProviderDistribution: async (request) => {
      const [window, band] = reading((found) => [
        readWindow(found, request.window, 1, wallDate()),
        readBand(found, request.band, bandOf(config())),
      ]);
      const distribution = distributionToProto(await ask(readDistribution(db, window, band)));
      return create(GetProviderDistributionResponseSchema, { distribution });
    },
    getCostTrend: async (request) => {
      const now = wallDate();
      const [calendar, question] = reading((found) => [
        readCalendar(found, request.timeZone),
        readCostQuestion(found, request, now),
      ]);
      const both = Promise.all([readCostTrend(db, calendar, question), readMonth(db, calendar, now)]);
      const [trend, month] = await ask(both);
      return create(GetCostTrendResponseSchema, {
        window: windowToProto(trend.window),
        series: trend.series.map(costSeriesToProto(question.grouping)),
        total: costPointToProto(trend.total),
        month: projectionToProto(month),
      });
    },
    listAgentCosts: async (request) => {
      const [window, limit] = reading((found) => [
        readWindow(found, request.window, 30, wallDate()),
        readSize(found, request.maxAgents, { most: 500, usual: 20 }, ["max_agents"]),
      ]);
      const { agents, others, all } = await ask(readAgentCosts(db, window, limit));
      return create(ListAgentCostsResponseSchema, {
        window: windowToProto(window),
        agents: agents.map(agentCostToProto(all)),
        others: totalsToProto(others),
      });
    },
    getAgentScore: async ({ agentId }) => {
      reading((found) => requireText(found, agentId, LONGEST.agentId, ["agent_id"]));
      const [states, learnedAt, stated] = await ask(
        Promise.all([readStates(db, [agentId]), findLearnedAt(db, agentId), findStatedScore(db, agentId)]),
      );
      return agentScoreToProto(agentId, { ...states, learnedAt, stated }, config(), wallDate());
    },
    getProviderPerformance: async (request) => {
      const question = reading((found) => readPerformanceQuestion(found, request, wallDate()));
      const models = await ask(readPerformance(db, question));
      return create(GetProviderPerformanceResponseSchema, {
        window: windowToProto(question.window),
        models: models.map(performanceToProto),
        percentileError: PERCENTILE_ERROR,
      });
    },
    getScoreHistogram: async (request) => {
      const window = reading((found) => readWindow(found, request.window, 7, wallDate()));
      const counts = await ask(listScoreCounts(db, window));
      const executions = counts.reduce((sum, count) => sum + count, 0n);
      return create(GetScoreHistogramResponseSchema, {
        window: windowToProto(window),
        counts: [...counts],
        executions,
      });
    },
    listExecutions: async (request, context) => {
      const owner = ownerFor(context);
      const { filter, after, pageSize } = reading((found) => readListQuestion(found, request, owner));
      // One more than asked for says whether there is another page.
      const rows = await ask(listExecutions(db, filter, after, pageSize + 1));
      const page = rows.slice(0, pageSize);
      const last = rows.length > pageSize ? page.at(-1) : undefined;
      const said = await ask(
        sumFeedback(
          db,
          page.map(({ execution_id }) => execution_id),
        ),
      );
      return create(ListExecutionsResponseSchema, {
        executions: page.map((row) => executionToProto(row, said.get(row.execution_id))),
        nextPageToken: last
          ? pageTokenOf({ createdAtUs: last.created_at_us, executionId: last.execution_id }, filter)
          : "",
      });
    },
    getExecution: async ({ executionId }, context) => {
      reading((found) => readExecutionId(found, executionId));
      const [execution, attempts, feedback, said, promptStored] = await ask(
        Promise.all([
          findExecution(db, executionId, ownerFor(context)),
          listAttempts(db, executionId),
          listFeedback(db, executionId, MOST_FEEDBACK),
          sumFeedback(db, [executionId]),
          isPromptStored(db, executionId),
        ]),
      );
      if (execution === undefined) {
        throw new ConnectError("there is no such execution, or its record is not written yet", Code.NotFound);
      }
      return executionInFullToProto(
        { execution, attempts, feedback, said: said.get(executionId), promptStored },
        config().catalogue,
      );
    },
  });
}
