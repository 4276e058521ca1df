/** What was learned of an agent, in the contract's words. */
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type GetAgentScoreResponse,
  GetAgentScoreResponseSchema,
} from "../../../gen/modeltier/v1/analytics_pb.js";
import { newAgent } from "../../agent-score/agent-score.ts";
import { reportOf } from "../../agent-score/report.ts";
import { settingsOf } from "../../agent-score/settings.ts";
import type { AgentScoreSource, RoutingConfig, StepType } from "../../routing/types.ts";
import type { LearnedStates } from "../../store/agent-scores.ts";
import { PROTO_SCORE_SOURCE, PROTO_TIER, stepTypeToProto } from "./names.ts";
import { learnedToProto } from "./route.ts";

type Known = LearnedStates &
  Readonly<{
    learnedAt: Date | undefined;
    stated: Readonly<{ score: number; source: AgentScoreSource }> | undefined;
  }>;

export function agentScoreToProto(
  agentId: string,
  { fleet, agents, learnedAt, stated }: Known,
  config: RoutingConfig,
  now: Date,
): GetAgentScoreResponse {
  const { score: statedScore, source } = stated ?? {
    score: config.coldStartScore,
    source: "cold_start" as const,
  };
  const history = { fleet, agent: agents.get(agentId) ?? newAgent(), nowMs: now.getTime() };
  const report = reportOf(history, statedScore, settingsOf(config), config.thresholds);
  return create(GetAgentScoreResponseSchema, {
    agentId,
    learns: config.agentScore?.learn === true,
    serves: config.agentScore?.serve === true,
    ...(learnedAt !== undefined && { learnedAt: timestampFromDate(learnedAt) }),
    statedScore,
    statedSource: PROTO_SCORE_SOURCE[source],
    score: report.score,
    tier: PROTO_TIER[report.tier],
    learned: learnedToProto(report.learned),
    steps: report.steps.map(({ step, score, tier }) => ({ stepScore: step, score, tier: PROTO_TIER[tier] })),
    intents: report.intents.map(({ intent, score, tier, evidence }) => ({
      intent: stepTypeToProto(intent as StepType),
      score,
      tier: PROTO_TIER[tier],
      evidence,
    })),
  });
}
