import { Code, ConnectError } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import type { GetExecutionResponse, RecordedAttempt } from "../../../../gen/modeltier/v1/execution_pb.js";
import type { Feedback } from "../../../../gen/modeltier/v1/feedback_pb.js";
import { Intent, PriceStatus } from "../../../../gen/modeltier/v1/routing_pb.js";
import { Link, useAddress, withQuery } from "../frame/router.tsx";
import { DecisionView } from "../parts/decision.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { Agent, AgentScoreLink, Count, Money, When } from "../parts/values.tsx";
import { moment, price, spanOf, usd } from "../text/format.ts";
import { finishName, intentName, outcomeName, sourceName } from "../text/names.ts";
import { Ended } from "./Executions.tsx";
import { StoredTexts } from "./StoredTexts.tsx";

export function Execution() {
  const { path, query } = useAddress();
  const executionId = decodeURIComponent(path.split("/")[2] ?? "");
  const found = useQuery(
    AnalyticsService.method.getExecution,
    { executionId },
    // A record is written behind its call: one that has just ended is there a moment later.
    { retry: (failures, error) => failures < 6 && mayBeWrittenYet(error), retryDelay: 500 },
  );
  return (
    <>
      <p>
        <Link to={withQuery("/executions", query)}>← Executions</Link>
      </p>
      {found.data === undefined && <h1>Execution</h1>}
      <Asked of={found} height={480}>
        {(execution) => <Opened of={execution} />}
      </Asked>
    </>
  );
}

const mayBeWrittenYet = (error: unknown): boolean =>
  [Code.NotFound, Code.Unavailable].includes(ConnectError.from(error).code);

function Opened({
  of: { execution, decision, attempts, feedback, promptStored },
}: {
  of: GetExecutionResponse;
}) {
  if (execution === undefined) return null;
  const cost =
    execution.priceStatus === PriceStatus.UNKNOWN
      ? "at an unknown price"
      : `for ${usd(execution.costNanoUsd)}`;
  return (
    <>
      <h1>
        {execution.target?.provider}/{execution.target?.model} in {spanOf(execution.latency)}, {cost}
      </h1>
      <dl className="facts">
        <dt>Ended</dt>
        <dd>
          <Ended of={execution} />
          {execution.finishReason === 0 ? "" : `, because: ${finishName(execution.finishReason)}`}
        </dd>
        <dt>When</dt>
        <dd>
          {execution.createdAt === undefined ? "–" : moment(execution.createdAt)} (
          <When time={execution.createdAt} />)
        </dd>
        <dt>Agent</dt>
        <dd>
          <Agent id={execution.agentId} />
          {execution.agentId === "" ? (
            ""
          ) : (
            <>
              {" "}
              (<AgentScoreLink id={execution.agentId} />)
            </>
          )}
          {execution.intent === Intent.UNSPECIFIED ? "" : `, ${intentName(execution.intent)}`}
          {execution.sessionId === "" ? "" : `, session ${execution.sessionId}`}
        </dd>
        <dt>Labels</dt>
        <dd>
          {Object.entries(execution.labels)
            .map(([name, value]) => `${name}=${value}`)
            .join(", ") || "none"}
        </dd>
        <dt>Execution</dt>
        <dd>{execution.executionId}</dd>
      </dl>
      <div className="grid wide">
        <section className="stack card">
          <h2>Why it went there</h2>
          {decision === undefined ? (
            <Empty>The decision was not recorded in full.</Empty>
          ) : (
            <DecisionView decision={decision} />
          )}
        </section>
        <section className="stack card">
          <h2>What happened</h2>
          {attempts.length === 0 ? <Empty>No provider was asked.</Empty> : <Timeline attempts={attempts} />}
        </section>
      </div>
      <Bill attempts={attempts} total={execution.costNanoUsd} saving={execution.cacheSavingNanoUsd} />
      <Said of={feedback} />
      <StoredTexts executionId={execution.executionId} stored={promptStored} />
    </>
  );
}

function Bill({
  attempts,
  total,
  saving,
}: {
  attempts: readonly RecordedAttempt[];
  total: bigint;
  saving: bigint;
}) {
  const lines = attempts.flatMap(({ attempt, costLines, priceVersion }) =>
    costLines.map((line) => ({ ...line, attempt, priceVersion })),
  );
  return (
    <section className="stack">
      <h2>
        Cost, line by line: <Money nano={total} />
        {saving === 0n ? "" : `, ${usd(saving)} saved by the prompt cache`}
      </h2>
      {lines.length === 0 ? (
        <Empty>Nothing was billed, or the price is not known. An unknown price is never counted as 0.</Empty>
      ) : (
        <Table
          caption="Cost lines"
          rows={lines}
          keyOf={({ attempt, kind }) => `${attempt?.attempt} ${kind}`}
          columns={[
            { name: "Attempt", cell: ({ attempt }) => attempt?.attempt ?? "–" },
            { name: "Kind", cell: ({ kind }) => outcomeName(kind) },
            { name: "Tokens", cell: ({ tokens }) => <Count value={tokens} />, right: true },
            { name: "Price", cell: (line) => price(line.priceMicroUsdPerMtok), right: true },
            { name: "Price since", cell: ({ priceVersion }) => priceVersion, right: true },
            { name: "Counted", cell: ({ attempt }) => sourceName(attempt?.usage?.source ?? 0), right: true },
            { name: "Cost", cell: ({ costNanoUsd }) => <Money nano={costNanoUsd} />, right: true },
          ]}
        />
      )}
    </section>
  );
}

function Said({ of: feedback }: { of: readonly Feedback[] }) {
  if (feedback.length === 0) return null;
  return (
    <section className="stack">
      <h2>What was said about the answer</h2>
      <Table
        caption="Feedback"
        rows={feedback}
        keyOf={({ feedbackId }) => feedbackId}
        columns={[
          { name: "Quality", cell: ({ quality }) => (quality === undefined ? "–" : `${quality} of 5`) },
          { name: "Success", cell: ({ success }) => (success === undefined ? "–" : success ? "yes" : "no") },
          { name: "Comment", cell: ({ comment }) => comment },
          { name: "When", cell: ({ createdAt }) => <When time={createdAt} /> },
        ]}
      />
    </section>
  );
}
