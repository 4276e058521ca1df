/** The attempts of an execution on one line of time. */
import type { RecordedAttempt } from "../../../../gen/modeltier/v1/execution_pb.js";
import { ms, span } from "../text/format.ts";
import { kindName, outcomeName } from "../text/names.ts";
import { Figure } from "./table.tsx";
import { Money, Target } from "./values.tsx";

type Phases = Readonly<{ start: number; headers: number; firstToken: number; end: number; isOk: boolean }>;

/** When each phase of an attempt ended, in ms from the execution's beginning. A phase that was not reached is empty. */
export function phasesOf({ attempt, startOffset, timeToHeaders }: RecordedAttempt): Phases {
  const start = startOffset === undefined ? 0 : ms(startOffset);
  const end = start + (attempt?.latency === undefined ? 0 : ms(attempt.latency));
  const first = attempt?.timeToFirstToken;
  const firstToken = first === undefined ? end : Math.min(end, start + ms(first));
  const headers = timeToHeaders === undefined ? start : Math.min(firstToken, start + ms(timeToHeaders));
  return { start, headers, firstToken, end, isOk: attempt?.outcome === "ok" };
}

const LANE = 32;

export function Timeline({ attempts }: { attempts: readonly RecordedAttempt[] }) {
  const lanes = attempts.map(phasesOf);
  const total = Math.max(...lanes.map(({ end }) => end), 1);
  const x = (at: number) => (at / total) * 1000;
  const sentence = attempts
    .map(({ attempt }, index) => {
      const { start, end } = lanes[index] as Phases;
      return `Attempt ${attempt?.attempt} asked ${attempt?.target?.provider}/${attempt?.target?.model} at ${span(start)} and ended after ${span(end - start)}: ${outcomeName(attempt?.outcome ?? "")}`;
    })
    .join(". ");
  return (
    <Figure
      title="Attempts"
      sentence={`${sentence}.`}
      picture={
        <div className="stack">
          <svg
            className="chart"
            viewBox={`0 0 1000 ${LANE * lanes.length}`}
            preserveAspectRatio="none"
            style={{ height: LANE * lanes.length }}
            aria-hidden="true"
          >
            {lanes.map(({ start, headers, firstToken, end, isOk }, index) => {
              const y = index * LANE + 6;
              const piece = (from: number, to: number, look: string, name: string) => (
                <rect x={x(from)} y={y} width={Math.max(1, x(to) - x(from))} height="20" className={look}>
                  <title>{`${name}: ${span(to - from)}`}</title>
                </rect>
              );
              return (
                <g key={attempts[index]?.attempt?.attempt}>
                  <rect x="0" y={y + 9} width="1000" height="2" fill="var(--line)" />
                  {piece(start, headers, "is-fast", "until headers")}
                  {piece(headers, firstToken, isOk ? "is-balanced" : "is-broken", "until the first token")}
                  {piece(firstToken, end, isOk ? "is-powerful" : "is-broken", "tokens")}
                </g>
              );
            })}
          </svg>
          <div className="row muted num" style={{ justifyContent: "space-between" }}>
            <span>0 ms</span>
            <span>
              <i className="mark is-fast" /> until headers <i className="mark is-balanced" /> until the first
              token <i className="mark is-powerful" /> tokens <i className="mark is-broken" /> failed
            </span>
            <span>{span(total)}</span>
          </div>
        </div>
      }
      columns={[
        { name: "Attempt", cell: ({ attempt }) => attempt?.attempt ?? "–" },
        { name: "Target", cell: ({ attempt }) => <Target target={attempt?.target} /> },
        { name: "Why", cell: ({ kind }) => kindName(kind) },
        { name: "Ended", cell: ({ attempt }) => outcomeName(attempt?.outcome ?? "") },
        { name: "Began at", cell: (row) => span(phasesOf(row).start), right: true },
        {
          name: "Headers after",
          cell: ({ timeToHeaders }) => (timeToHeaders === undefined ? "–" : span(ms(timeToHeaders))),
          right: true,
        },
        {
          name: "First token after",
          cell: ({ attempt }) =>
            attempt?.timeToFirstToken === undefined ? "–" : span(ms(attempt.timeToFirstToken)),
          right: true,
        },
        { name: "Took", cell: (row) => span(phasesOf(row).end - phasesOf(row).start), right: true },
        { name: "Cost", cell: ({ attempt }) => <Money nano={attempt?.costNanoUsd ?? 0n} />, right: true },
      ]}
      rows={attempts}
      keyOf={({ attempt }) => String(attempt?.attempt)}
    />
  );
}
