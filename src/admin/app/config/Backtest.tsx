/** What a candidate would have made of recorded executions, beside what happened. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useState } from "react";
import type { BacktestProgress, BacktestReport } from "../../../../gen/modeltier/v1/backtest_pb.js";
import type { RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { configs } from "../api/client.ts";
import { Empty, Problem } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Money, Target, TierMark } from "../parts/values.tsx";
import { count } from "../text/format.ts";
import { TIERS, tierName } from "../text/names.ts";
import {
  figure,
  nano,
  sayInterval,
  sayRange,
  sayRefusals,
  sayReport,
  targetRows,
} from "./backtest-report.ts";

export type BacktestState = Readonly<{
  progress: BacktestProgress | undefined;
  report: BacktestReport | undefined;
  error: unknown;
}>;

const TURN_MS = 500;
const TRIES = 40;

const STARTED: BacktestState = { progress: undefined, report: undefined, error: null };

/** @param from the first moment that counts; absent: a week ago */
export function useBacktest(
  config: MessageInitShape<typeof RoutingConfigSchema> | undefined,
  from?: Timestamp,
): BacktestState {
  const [state, setState] = useState(STARTED);
  useEffect(() => {
    setState(STARTED);
    if (config === undefined) return;
    const leaving = new AbortController();
    const request = { config, ...(from !== undefined && { from }) };
    const read = async () => {
      for await (const { event } of configs.backtestConfig(request, { signal: leaving.signal })) {
        if (event.case === "progress") setState((before) => ({ ...before, progress: event.value }));
        if (event.case === "report") setState((before) => ({ ...before, report: event.value }));
      }
    };
    const run = async (tries = TRIES): Promise<void> => {
      try {
        await read();
      } catch (error) {
        if (leaving.signal.aborted) return;
        // A process runs one at a time: this one waits its turn.
        if (ConnectError.from(error).code !== Code.ResourceExhausted || tries === 0) {
          return setState((before) => ({ ...before, error }));
        }
        await new Promise((resolve) => setTimeout(resolve, TURN_MS));
        if (!leaving.signal.aborted) await run(tries - 1);
      }
    };
    void run();
    return () => leaving.abort();
  }, [config, from]);
  return state;
}

type Props = Readonly<{
  state: BacktestState;
  /** Of when the executions are. */
  period?: string;
  /** Shows what the estimates assume without being asked. */
  assumptions?: boolean;
}>;

export function Backtest({
  state: { progress, report, error },
  period = "last seven days",
  assumptions = false,
}: Props) {
  if (error !== null) return <Problem error={error} />;
  if (report === undefined) {
    const total = Number(progress?.total ?? 0n);
    return (
      <label>
        <span>Deciding the executions of the {period} anew</span>
        <progress {...(total > 0 && { value: Number(progress?.executions), max: total })} />
      </label>
    );
  }
  return report.executions === 0n ? (
    <Empty>
      There is nothing to test against: no executions of the {period} were recorded with what scoring needs.
      Send some calls, and ask again.
    </Empty>
  ) : (
    <Report report={report} period={period} assumptions={assumptions} />
  );
}

function Report({
  report,
  period,
  assumptions,
}: Required<Pick<Props, "period" | "assumptions">> & { report: BacktestReport }) {
  const ofTier = (side: BacktestReport["recorded"], tier: number) =>
    side?.tiers.find((share) => share.tier === tier);
  return (
    <div className="stack" data-backtest="done">
      <p>
        <strong>{sayReport(report, period)}</strong>
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
      <Quality report={report} />
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
          { name: "Between", cell: ({ wouldBe }) => sayRange(wouldBe?.cost), right: true },
        ]}
      />
      <details>
        <summary>By agent and by intent</summary>
        <Groups caption="By agent" groups={report.byAgent} />
        <Groups caption="By intent" groups={report.byIntent} />
      </details>
      <details open={assumptions}>
        <summary>What the estimates assume</summary>
        <ul className="events">
          {report.assumptions.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      </details>
    </div>
  );
}

/** Nothing where the service is of a release that does not estimate it. */
function Quality({ report }: { report: BacktestReport }) {
  const { quality } = report;
  if (quality === undefined) return null;
  const rows = [
    { name: "Success, 0 to 1", estimate: quality.success },
    { name: "Rated quality, 1 to 5", estimate: quality.quality },
  ].flatMap(({ name, estimate }) =>
    estimate === undefined || estimate.refusal !== "" ? [] : [{ name, estimate }],
  );
  return (
    <>
      {rows.length > 0 && (
        <Table
          caption="How well it would have done, with 95 % intervals"
          rows={rows}
          keyOf={({ name }) => name}
          columns={[
            { name: "Estimate", cell: ({ name }) => name },
            { name: "Was", cell: ({ estimate }) => figure(estimate.recorded ?? 0), right: true },
            { name: "Would be", cell: ({ estimate }) => sayInterval(estimate.snips), right: true },
            {
              name: "Doubly robust",
              cell: ({ estimate }) => sayInterval(estimate.doublyRobust),
              right: true,
            },
            { name: "IPS", cell: ({ estimate }) => sayInterval(estimate.ips), right: true },
            {
              name: "Calls, counting as",
              cell: ({ estimate }) =>
                `${count(estimate.calls)}, ${count(Math.round(estimate.effectiveCalls))}`,
              right: true,
            },
          ]}
        />
      )}
      {sayRefusals(report).map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </>
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
