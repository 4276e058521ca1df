/** What operators ask of a month, as the services ask it. */
import type { Kysely } from "kysely";
import { Calendar, DAY_MS, HOUR_MS, type Window, wholeHours } from "../../src/analytics/calendar.ts";
import {
  readAgentCosts,
  readCostTrend,
  readDistribution,
  readMonth,
  readOverview,
  readPerformance,
} from "../../src/analytics/reports.ts";
import { type ExecutionFilter, listExecutions } from "../../src/store/execution-list.ts";
import { listScoreCounts } from "../../src/store/execution-rollups.ts";
import type { Database } from "../../src/store/tables.ts";

export type Question = Readonly<{ name: string; ask: () => Promise<unknown> }>;

const BAND = { provider: "kimi", lowestShare: 0.6, highestShare: 0.7 } as const;

export function listQuestions(db: Kysely<Database>, now: Date): readonly Question[] {
  const berlin = new Calendar("Europe/Berlin");
  const month: Window = wholeHours({ from: new Date(now.getTime() - 30 * DAY_MS), to: now });
  const cost = { window: month, granularity: "day", maxSeries: 6 } as const;
  const list = (name: string, filter: ExecutionFilter): Question => ({
    name: `list: ${name}`,
    ask: () => listExecutions(db, filter, undefined, 51),
  });
  return [
    { name: "overview", ask: () => readOverview(db, berlin, BAND, now) },
    { name: "distribution of a month", ask: () => readDistribution(db, month, BAND) },
    { name: "performance of a month", ask: () => readPerformance(db, { window: month }) },
    { name: "cost by day and model", ask: () => readCostTrend(db, berlin, { ...cost, grouping: "model" }) },
    { name: "cost by day and agent", ask: () => readCostTrend(db, berlin, { ...cost, grouping: "agent" }) },
    {
      name: "cost by hour and provider",
      ask: () => readCostTrend(db, berlin, { ...cost, granularity: "hour", grouping: "provider" }),
    },
    { name: "month to date and projection", ask: () => readMonth(db, berlin, now) },
    { name: "agents by cost", ask: () => readAgentCosts(db, month, 20) },
    { name: "scores of a month", ask: () => listScoreCounts(db, month) },
    list("newest", {}),
    list("two weeks ago", { to: new Date(now.getTime() - 14 * DAY_MS) }),
    list("failed", { status: "failed" }),
    list("failed, one model, one agent", {
      status: "failed",
      provider: "openai",
      model: "gpt-4o",
      agentId: "agent-7",
    }),
    list("rare agent", { agentId: "agent-1999" }),
    list("one tier and intent", { tier: "powerful", intent: "extract" }),
    list("one label", { labels: { team: "team-13" } }),
    list("a label that nobody has", { labels: { team: "nobody" } }),
    list("one session", { sessionId: "session-7" }),
    list("at least $0.09", { minCostNanoUsd: 90_000_000n }),
    list("at least $1, which none costs", { minCostNanoUsd: 1_000_000_000n }),
    list("at least $1, in one day", {
      minCostNanoUsd: 1_000_000_000n,
      from: new Date(now.getTime() - 24 * HOUR_MS),
    }),
  ];
}
