/** Where the tiers meet, on the line from 0 to 10, over what was scored last week. */
import { useQuery } from "@connectrpc/connect-query";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import type { RoutingConfig } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { Figure } from "../parts/table.tsx";
import { Count } from "../parts/values.tsx";
import { count, percent } from "../text/format.ts";
import type { Edit } from "./draft.ts";

type Cuts = Readonly<{ from: number; to: number }>;
const cutsOf = ({ thresholds }: RoutingConfig): Cuts => ({
  from: thresholds?.balancedFrom ?? 0,
  to: thresholds?.balancedTo ?? 10,
});

/** The tier of a tenth of a score; the last, 10 itself, and a tenth that a threshold divides go by their lower end. */
const tierOf = (index: number, { from, to }: Cuts): "fast" | "balanced" | "powerful" =>
  index / 10 < from ? "fast" : index / 10 > to ? "powerful" : "balanced";

export function Thresholds({ draft, base, edit }: { draft: RoutingConfig; base: RoutingConfig; edit: Edit }) {
  const histogram = useQuery(AnalyticsService.method.getScoreHistogram, {});
  const counts = (histogram.data?.counts ?? []).map(Number);
  const cuts = cutsOf(draft);
  const set = (field: "balancedFrom" | "balancedTo") => (text: string) =>
    edit(({ thresholds }) => {
      if (thresholds !== undefined && text !== "") thresholds[field] = Number(text);
    });
  return (
    <section className="stack card">
      <h2>Thresholds</h2>
      <Figure
        title="Scores"
        sentence={sayScores(counts, cuts, cutsOf(base))}
        picture={<Histogram counts={counts} cuts={cuts} />}
        controls={
          <div className="handles">
            <Handle name="Balanced from, on the line" value={cuts.from} set={set("balancedFrom")} />
            <Handle name="Balanced to, on the line" value={cuts.to} set={set("balancedTo")} />
          </div>
        }
        columns={[
          { name: "Score from", cell: ({ from }) => from.toFixed(1), right: true },
          { name: "Tier", cell: ({ from }) => tierOf(Math.round(from * 10), cuts) },
          {
            name: "Executions last week",
            cell: ({ executions }) => <Count value={executions} />,
            right: true,
          },
        ]}
        rows={counts
          .map((executions, index) => ({ from: index / 10, executions }))
          .filter((row) => row.executions > 0)}
        keyOf={({ from }) => from.toFixed(1)}
      />
      <div className="grid fields">
        <Cut name="Balanced from" value={cuts.from} set={set("balancedFrom")} />
        <Cut name="Balanced up to" value={cuts.to} set={set("balancedTo")} />
      </div>
    </section>
  );
}

function sayScores(counts: readonly number[], cuts: Cuts, before: Cuts): string {
  const total = counts.reduce((sum, value) => sum + value, 0);
  const meaning = `Below ${cuts.from} is fast, above ${cuts.to} powerful, the rest balanced`;
  if (total === 0) return `${meaning}. No executions were scored last week.`;
  const of = (tier: string) =>
    counts.reduce((sum, value, index) => sum + (tierOf(index, cuts) === tier ? value : 0), 0) / total;
  const changed = counts.reduce(
    (sum, value, index) => sum + (tierOf(index, cuts) === tierOf(index, before) ? 0 : value),
    0,
  );
  const effect =
    changed === 0
      ? "no request changes its tier"
      : `${count(changed)} of ${count(total)} requests (${percent(changed / total)}) would change tier`;
  return `${meaning}. Last week: ${percent(of("fast"))} fast, ${percent(of("balanced"))} balanced, ${percent(of("powerful"))} powerful; ${effect}.`;
}

function Histogram({ counts, cuts }: { counts: readonly number[]; cuts: Cuts }) {
  const top = Math.max(...counts, 1);
  return (
    <svg
      className="chart"
      viewBox="0 0 1000 100"
      preserveAspectRatio="none"
      style={{ height: 100 }}
      aria-hidden="true"
    >
      <rect x="0" y="92" width={cuts.from * 100} height="8" className="is-fast" />
      <rect
        x={cuts.from * 100}
        y="92"
        width={Math.max(0, cuts.to - cuts.from) * 100}
        height="8"
        className="is-balanced"
      />
      <rect
        x={cuts.to * 100}
        y="92"
        width={Math.max(0, 10 - cuts.to) * 100}
        height="8"
        className="is-powerful"
      />
      {counts.map((value, index) => (
        <rect
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the score
          key={index}
          x={index * 9.9}
          y={90 - (value / top) * 88}
          width="8"
          height={(value / top) * 88}
          fill="var(--edge)"
        />
      ))}
      <rect x={cuts.from * 100 - 1} y="0" width="2" height="100" fill="var(--accent)" />
      <rect x={cuts.to * 100 - 1} y="0" width="2" height="100" fill="var(--accent)" />
    </svg>
  );
}

type CutProps = { name: string; value: number; set: (text: string) => void };

const Handle = ({ name, value, set }: CutProps) => (
  <input
    type="range"
    min="0"
    max="10"
    step="0.1"
    aria-label={name}
    value={value}
    onChange={(event) => set(event.target.value)}
  />
);

const Cut = ({ name, value, set }: CutProps) => (
  <label>
    <span>{name}</span>
    <input
      type="number"
      min="0"
      max="10"
      step="0.1"
      value={value}
      onChange={(event) => set(event.target.value)}
    />
  </label>
);
