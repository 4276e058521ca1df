/** The attempts of an execution on one line of time. */
import { AttemptKind, type RecordedAttempt } from "../../../../gen/modeltier/v1/execution_pb.js";
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

/** How long nothing was under way before an attempt began: in the queue, or between two of them. In ms. */
const waitedOf = ({ start }: Phases, lanes: readonly Phases[]): number =>
  start - Math.max(0, ...lanes.map(({ end }) => end).filter((end) => end <= start));

export function Timeline({ attempts }: { attempts: readonly RecordedAttempt[] }) {
  const lanes = attempts.map(phasesOf);
  const total = Math.max(...lanes.map(({ end }) => end), 1);
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
          {attempts.map((recorded, index) => {
            const phases = lanes[index] as Phases;
            return (
              <Lane
                key={recorded.attempt?.attempt}
                of={recorded}
                phases={phases}
                waited={waitedOf(phases, lanes)}
                total={total}
              />
            );
          })}
          <div className="row small muted num" style={{ justifyContent: "space-between" }}>
            <span>0 ms</span>
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

type LaneProps = Readonly<{ of: RecordedAttempt; phases: Phases; waited: number; total: number }>;

/** Whom, how it ended, and its phases with their names. */
function Lane({ of: { attempt, kind }, phases, waited, total }: LaneProps) {
  const { start, headers, firstToken, end, isOk } = phases;
  const reached = [
    { name: "headers", from: start, to: headers, look: "is-part-1" },
    { name: "first token", from: headers, to: firstToken, look: "is-part-2" },
    { name: "tokens", from: firstToken, to: end, look: "is-part-0" },
  ].filter(({ from, to }) => to > from);
  const pieces = reached.map((piece, index) =>
    isOk || index < reached.length - 1 ? piece : { ...piece, name: "until it failed", look: "is-broken" },
  );
  return (
    <div className="lane small">
      <p>
        {attempt?.attempt}. <Target target={attempt?.target} />{" "}
        {isOk ? (
          <span className="good">✓ answered</span>
        ) : (
          <span className="broken-text">✕ {outcomeName(attempt?.outcome ?? "")}</span>
        )}{" "}
        <span className="muted">
          after {span(end - start)}
          {kind === AttemptKind.FIRST || kind === AttemptKind.UNSPECIFIED ? "" : `, as ${kindName(kind)}`}
        </span>
      </p>
      <svg
        className="chart"
        viewBox="0 0 1000 20"
        preserveAspectRatio="none"
        style={{ height: 20 }}
        aria-hidden="true"
      >
        <rect x="0" y="9" width="1000" height="2" fill="var(--line)" />
        {pieces.map(({ name, from, to, look }) => (
          <rect
            key={name}
            x={(from / total) * 1000}
            y="0"
            width={Math.max(2, ((to - from) / total) * 1000)}
            height="20"
            className={look}
          >
            <title>{`${name}: ${span(to - from)}`}</title>
          </rect>
        ))}
      </svg>
      <div className="row muted num">
        {waited > 0 && <span>waited {span(waited)}</span>}
        {pieces.map(({ name, from, to, look }) => (
          <span key={name}>
            <i className={`mark ${look}`} />
            {name} {span(to - from)}
          </span>
        ))}
      </div>
    </div>
  );
}
