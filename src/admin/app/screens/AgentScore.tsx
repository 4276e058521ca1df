/** One agent: how demanding it has proved to be, what that rests on, and what moved it. */
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import type { GetAgentScoreResponse } from "../../../../gen/modeltier/v1/analytics_pb.js";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import type { Execution } from "../../../../gen/modeltier/v1/execution_pb.js";
import { AgentScoreSource } from "../../../../gen/modeltier/v1/routing_pb.js";
import { Link, useAddress } from "../frame/router.tsx";
import { Evidence, outcomes, WhatMovedIt } from "../parts/learned.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Target, TierMark, When } from "../parts/values.tsx";
import { agentName, intentName, tierName } from "../text/names.ts";
import { Ended } from "./Executions.tsx";

export function AgentScore() {
  const { path } = useAddress();
  const agentId = decodeURIComponent(path.split("/")[2] ?? "");
  const again = { refetchInterval: 5_000, placeholderData: keepPreviousData };
  const score = useQuery(AnalyticsService.method.getAgentScore, { agentId }, again);
  const latest = useQuery(AnalyticsService.method.listExecutions, { agentId, pageSize: 10 }, again);
  return (
    <>
      <p>
        <Link to="/costs">← Costs</Link>
      </p>
      {score.data === undefined && <h1>{agentName(agentId)}</h1>}
      <Asked of={score} height={360}>
        {(data) => <Learned of={data} />}
      </Asked>
      <section className="stack">
        <div className="row">
          <h2>Its last calls</h2>
          <Link to={`/executions?agent=${encodeURIComponent(agentId)}`}>all of them</Link>
        </div>
        <Asked of={latest} rows={4}>
          {({ executions }) =>
            executions.length === 0 ? (
              <Empty>It has made no call that is recorded.</Empty>
            ) : (
              <Calls rows={executions} />
            )
          }
        </Asked>
      </section>
    </>
  );
}

function Learned({ of }: { of: GetAgentScoreResponse }) {
  const { learned } = of;
  if (learned === undefined) return null;
  return (
    <>
      <div className="stack">
        <h1>{sayScore(of)}</h1>
        <p className="muted">
          {sayState(of)}{" "}
          {of.learnedAt === undefined ? (
            "Nothing was learned of it yet."
          ) : (
            <>
              Learned last <When time={of.learnedAt} />.
            </>
          )}
        </p>
      </div>
      <div className="grid twin">
        <section className="stack card">
          <h2>What moved it</h2>
          <WhatMovedIt learned={learned} score={of.score} />
          <p className="muted">{sayStated(of)}</p>
        </section>
        <section className="stack card">
          <h2>Evidence by tier</h2>
          <Evidence learned={learned} />
        </section>
        <section className="stack card">
          <h2>What a step makes of it</h2>
          <Table
            caption="Scores by step"
            rows={of.steps}
            keyOf={({ stepScore }) => String(stepScore)}
            columns={[
              { name: "A step of", cell: ({ stepScore }) => `${stepScore} of 10` },
              { name: "Score", cell: (row) => row.score.toFixed(2), right: true },
              { name: "Tier", cell: ({ tier }) => <TierMark tier={tier} /> },
            ]}
          />
        </section>
        {of.intents.length > 0 && (
          <section className="stack card">
            <h2>By kind of step</h2>
            <Table
              caption="Scores by kind of step"
              rows={of.intents}
              keyOf={({ intent }) => String(intent)}
              columns={[
                { name: "Kind", cell: ({ intent }) => intentName(intent) },
                { name: "Outcomes", cell: ({ evidence }) => outcomes(evidence), right: true },
                { name: "Score", cell: (row) => row.score.toFixed(2), right: true },
                { name: "Tier", cell: ({ tier }) => <TierMark tier={tier} /> },
              ]}
            />
          </section>
        )}
      </div>
    </>
  );
}

const sayScore = ({ agentId, score, tier }: GetAgentScoreResponse): string =>
  `${agentName(agentId)} is ${score.toFixed(2)} of 10 as learned: ${tierName(tier)}.`;

function sayState({ learns, serves }: GetAgentScoreResponse): string {
  if (serves) return "This score picks the tier of its calls, together with each step.";
  if (learns) return "It is learned and does not count: set serve of agent_score to have it pick the tier.";
  return "Nothing is learned now: set learn of agent_score in the configuration.";
}

const sayStated = ({ statedScore, statedSource }: GetAgentScoreResponse): string =>
  statedSource === AgentScoreSource.COLD_START
    ? `Its caller states no score; ${statedScore} is assumed.`
    : `Its caller stated ${statedScore.toFixed(2)} in its last call.`;

const Calls = ({ rows }: { rows: readonly Execution[] }) => (
  <Table
    caption="Its last calls"
    rows={rows}
    keyOf={({ executionId }) => executionId}
    columns={[
      {
        name: "When",
        cell: ({ executionId, createdAt }) => (
          <Link to={`/executions/${executionId}`}>
            <When time={createdAt} />
          </Link>
        ),
      },
      { name: "Step", cell: ({ intent }) => intentName(intent) },
      { name: "Tier", cell: ({ tier }) => <TierMark tier={tier} /> },
      { name: "Target", cell: ({ target }) => <Target target={target} /> },
      { name: "Ended", cell: (row) => <Ended of={row} /> },
      { name: "Said of it", cell: (row) => saySaid(row) },
    ]}
  />
);

function saySaid({ feedback }: Execution): string {
  if (feedback === undefined) return "nothing";
  const { quality, succeeded, failed } = feedback;
  const parts = [
    ...(quality === undefined ? [] : [`${Number(quality.toPrecision(3))} of 5`]),
    ...(succeeded === 0 ? [] : [`${succeeded} × did it`]),
    ...(failed === 0 ? [] : [`${failed} × did not`]),
  ];
  return parts.join(", ") || "in words";
}
