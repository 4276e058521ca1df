/** One arm: what may be said of it, what it measured beside the first, and what it has of its own. */
import type { ReactNode } from "react";
import {
  type ExperimentArmReport,
  type ExperimentMeasure,
  ExperimentMetric,
  type ExperimentReport,
} from "../../../../gen/modeltier/v1/experiment_pb.js";
import { Changes } from "../config/ChangeDialog.tsx";
import { Link } from "../frame/router.tsx";
import { Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Count } from "../parts/values.tsx";
import { percent } from "../text/format.ts";
import { sayVerdict, UNEVEN_CAUSES, unitsName } from "./experiment-words.ts";
import { IntervalLine } from "./interval-line.tsx";
import {
  type Bounded,
  findMeasure,
  findMetricWords,
  type MetricWords,
  reachOf,
  type Side,
  sayDifference,
  sayMean,
  sideOf,
} from "./metric-words.ts";
import { toExecutionsOf } from "./paths.ts";
import { shareFormOf, sharesOfAll } from "./shares.ts";

type Props = Readonly<{
  arm: ExperimentArmReport;
  report: ExperimentReport;
  /** What can be done with it. */
  actions: ReactNode;
}>;

export function ArmSection({ arm, report, actions }: Props) {
  const { experiment, arms } = report;
  const isFirst = arm === arms[0];
  const verdict = sayVerdict(arm, report);
  return (
    <section className="stack card" aria-labelledby={`arm-${arm.name}`}>
      <h2 id={`arm-${arm.name}`}>{arm.name}</h2>
      {isFirst && <p className="muted">What the others are compared with.</p>}
      {verdict !== undefined && (
        <div className="stack tight">
          <p className={verdict.tone}>
            <strong>
              {verdict.mark} {verdict.title}
            </strong>
          </p>
          {verdict.details.map((detail) => (
            <p key={detail} className="small num">
              {detail}
            </p>
          ))}
        </div>
      )}
      <dl className="facts">
        <dt>Share meant</dt>
        <dd>{sayShare(arm, report)}</dd>
        <dt>Units</dt>
        <dd>
          <Count value={arm.units} /> {unitsName(experiment?.unit ?? 0)} count,{" "}
          <Count value={arm.unitsWaiting} /> wait for their time to be over
        </dd>
        <dt>Calls</dt>
        <dd>
          <Link to={toExecutionsOf(experiment?.experimentId ?? "", arm.name)}>Executions of {arm.name}</Link>
        </dd>
      </dl>
      {!isFirst && <Measures arm={arm} report={report} />}
      {arm.changes.length > 0 ? (
        <details>
          <summary>
            What {arm.name} has of its own: {arm.changes.length}{" "}
            {arm.changes.length === 1 ? "field differs" : "fields differ"} from what is in force
          </summary>
          <Changes of={arm.changes} />
        </details>
      ) : (
        <p className="muted">It is the configuration in force.</p>
      )}
      {actions}
    </section>
  );
}

function sayShare({ name, stopped, share }: ExperimentArmReport, report: ExperimentReport): string {
  if (stopped) return "none: it was taken out, and its calls have the configuration in force";
  const ofAll = sharesOfAll(shareFormOf(report))?.get(name) ?? 0;
  return `${percent(share)} of what counts, ${percent(ofAll)} of all`;
}

type Row = Readonly<{
  metric: ExperimentMetric;
  words: MetricWords;
  first: ExperimentMeasure | undefined;
  own: ExperimentMeasure | undefined;
}>;

function rowsOf(arm: ExperimentArmReport, { arms }: ExperimentReport): readonly Row[] {
  const [first] = arms;
  const metrics = [...(first?.measures ?? []), ...arm.measures].map(({ metric }) => metric);
  return [...new Set(metrics)]
    .sort((one, other) => one - other)
    .flatMap((metric) => {
      const words = findMetricWords(metric);
      if (words === undefined) return [];
      return [{ metric, words, first: first && findMeasure(first, metric), own: findMeasure(arm, metric) }];
    });
}

const SIDES: Readonly<Record<Side, Readonly<{ text: string; tone: string }>>> = {
  better: { text: "✓ better", tone: "good" },
  worse: { text: "✕ worse", tone: "broken-text" },
  open: { text: "open", tone: "muted" },
};

function Measures({ arm, report }: { arm: ExperimentArmReport; report: ExperimentReport }) {
  const rows = rowsOf(arm, report);
  const first = report.arms[0]?.name ?? "";
  const margin = report.experiment?.question?.margin ?? 0;
  if (rows.length === 0) {
    return (
      <Empty>
        Nothing is measured yet. A unit counts once its time is over; calls show in the executions at once.
      </Empty>
    );
  }
  const mean = ({ words }: Row, measure: ExperimentMeasure | undefined) =>
    measure?.value === undefined ? (
      "–"
    ) : (
      <Between of={sayMean(words.kind, measure.value)} title={`${measure.units} units`} />
    );
  return (
    <>
      <Table
        caption={`What was measured of ${arm.name} and ${first}`}
        rows={rows}
        keyOf={({ metric }) => String(metric)}
        columns={[
          { name: "Metric", cell: ({ words }) => words.name },
          { name: first, cell: (row) => mean(row, row.first), right: true },
          { name: arm.name, cell: (row) => mean(row, row.own), right: true },
          {
            name: `${arm.name} less ${first}`,
            cell: ({ words, own }) =>
              own?.difference === undefined ? (
                "–"
              ) : (
                <Between of={sayDifference(words.kind, own.difference)} />
              ),
            right: true,
          },
          { name: "So it is", cell: (row) => <SaidSide of={row} /> },
          {
            name: "Drawn, zero in the middle",
            right: true,
            cell: ({ metric, words, own }) => {
              if (own?.difference === undefined) return null;
              const isSuccess = metric === ExperimentMetric.SUCCESS;
              return (
                <IntervalLine
                  interval={own.difference}
                  reach={reachOf(report.arms, metric, isSuccess ? margin : 0)}
                  side={sideOf(words, own.difference)}
                  mark={isSuccess ? -margin : undefined}
                />
              );
            },
          },
        ]}
      />
      <p className="muted">
        Below each number, what it lies between. Dashed: the margin. Each metric has its own scale, the same
        for all arms.
      </p>
    </>
  );
}

/** In two lines, so that six columns have room. */
const Between = ({ of: { value, bounds }, title }: { of: Bounded; title?: string }) => (
  <span className="num" title={title}>
    {value}
    <small className="muted bounds">{bounds}</small>
  </span>
);

function SaidSide({ of: { words, own } }: { of: Row }) {
  if (own?.difference === undefined) return <span className="muted">–</span>;
  const { text, tone } = SIDES[sideOf(words, own.difference)];
  return <span className={tone}>{text}</span>;
}

/** Stands above all arms: none of them can be believed. */
export const UnevenShares = () => (
  <div className="note broken stack tight" role="alert">
    <p>
      <strong>The arms do not get the shares they are meant to. Believe nothing that was measured.</strong>{" "}
      Something loses units of one arm, and those that are left are not alike. What may cause it:
    </p>
    <ul style={{ paddingLeft: 20 }}>
      {UNEVEN_CAUSES.map((cause) => (
        <li key={cause}>{cause}</li>
      ))}
    </ul>
    <p>
      Find the cause, stop the experiment and start another one; setting the shares anew counts from zero.
    </p>
  </div>
);
