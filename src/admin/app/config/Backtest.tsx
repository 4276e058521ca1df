/** What a candidate would have made of last week, beside what happened. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { useEffect, useState } from "react";
import type { BacktestProgress, BacktestReport } from "../../../../gen/modeltier/v1/backtest_pb.js";
import type { RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { configs } from "../api/client.ts";
import { Empty, Problem } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Money, Target, TierMark } from "../parts/values.tsx";
import { count } from "../text/format.ts";
import { TIERS, tierName } from "../text/names.ts";
import { nano, sayReport, targetRows } from "./backtest-report.ts";

export type BacktestState = Readonly<{
  progress: BacktestProgress | undefined;
  report: BacktestReport | undefined;
  error: unknown;
}>;

const STARTED: BacktestState = { progress: undefined, report: undefined, error: null };

export function useBacktest(config: MessageInitShape<typeof RoutingConfigSchema> | undefined): BacktestState {
  const [state, setState] = useState(STARTED);
  useEffect(() => {
    if (config === undefined) return;
    const leaving = new AbortController();
    setState(STARTED);
    const run = async () => {
      try {
        for await (const { event } of configs.backtestConfig({ config }, { signal: leaving.signal })) {
          if (event.case === "progress") setState((before) => ({ ...before, progress: event.value }));
          if (event.case === "report") setState((before) => ({ ...before, report: event.value }));
        }
      } catch (error) {
        if (!leaving.signal.aborted) setState((before) => ({ ...before, error }));
      }
    };
    void run();
    return () => leaving.abort();
  }, [config]);
  return state;
}

export function Backtest({ state: { progress, report, error } }: { state: BacktestState }) {
  if (error !== null) return <Problem error={error} />;
  if (report === undefined) {
    const total = Number(progress?.total ?? 0n);
    return (
      <label>
        <span>Deciding last week's executions anew</span>
        <progress {...(total > 0 && { value: Number(progress?.executions), max: total })} />
      </label>
    );
  }
  return report.executions === 0n ? (
    <Empty>
      There is nothing to test against: no executions of the last seven days were recorded with what scoring
      needs.
    </Empty>
  ) : (
    <Report report={report} />
  );
}

function Report({ report }: { report: BacktestReport }) {
  const ofTier = (side: BacktestReport["recorded"], tier: number) =>
    side?.tiers.find((share) => share.tier === tier);
  return (
    <div className="stack" data-backtest="done">
      <p>
        <strong>{sayReport(report)}</strong>
      </p>
      <Table
        caption="Tiers, recorded and candidate"
        rows={TIERS}
        keyOf={(tier) => tierName(tier)}
        columns={[
          { name: "Tier", cell: (tier) => <TierMark tier={tier} /> },
          {
            name: "Was",
            cell: (tier) => count(ofTier(report.recorded, tier)?.executions ?? 0n),
            right: true,
          },
          {
            name: "Would be",
            cell: (tier) => count(ofTier(report.candidate, tier)?.executions ?? 0n),
            right: true,
          },
          {
            name: "Cost",
            cell: (tier) => <Money nano={nano(ofTier(report.recorded, tier)?.cost)} />,
            right: true,
          },
          {
            name: "Would cost",
            cell: (tier) => <Money nano={nano(ofTier(report.candidate, tier)?.cost)} />,
            right: true,
          },
        ]}
      />
      <Table
        caption="Targets, recorded and candidate"
        rows={targetRows(report)}
        keyOf={({ target }) => `${target?.provider}/${target?.model}`}
        columns={[
          { name: "Target", cell: ({ target }) => <Target target={target} /> },
          { name: "Was", cell: ({ was }) => count(was?.executions ?? 0n), right: true },
          { name: "Would be", cell: ({ wouldBe }) => count(wouldBe?.executions ?? 0n), right: true },
          { name: "Cost", cell: ({ was }) => <Money nano={nano(was?.cost)} />, right: true },
          { name: "Would cost", cell: ({ wouldBe }) => <Money nano={nano(wouldBe?.cost)} />, right: true },
        ]}
      />
      <details>
        <summary>By agent, by intent, and what the estimates assume</summary>
        <Groups caption="By agent" groups={report.byAgent} />
        <Groups caption="By intent" groups={report.byIntent} />
        <ul className="events">
          {report.assumptions.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
          {report.withoutInputs > 0n && (
            <li>{count(report.withoutInputs)} executions lack what scoring needs; they are left out.</li>
          )}
          {report.refused > 0n && (
            <li>{count(report.refused)} would be refused; they are in neither side.</li>
          )}
        </ul>
      </details>
    </div>
  );
}

const Groups = ({ caption, groups }: { caption: string; groups: BacktestReport["byAgent"] }) => (
  <Table
    caption={caption}
    rows={groups}
    keyOf={({ name }) => name}
    columns={[
      { name: caption, cell: ({ name }) => name },
      { name: "Executions", cell: ({ executions }) => count(executions), right: true },
      { name: "Other tier", cell: ({ tierChanges }) => count(tierChanges), right: true },
      { name: "Cost", cell: ({ recorded }) => <Money nano={nano(recorded)} />, right: true },
      { name: "Would cost", cell: ({ candidate }) => <Money nano={nano(candidate)} />, right: true },
    ]}
  />
);
