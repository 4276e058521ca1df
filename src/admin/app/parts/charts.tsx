/** The pictures, drawn from numbers. Each stands in a Figure, which has the sentence and the table. */
import { Fragment } from "react";

/** A week as a line that starts at zero. What it says stands in the table of the week, for those who do not see it. */
export function Sparkline({ values }: { values: readonly number[] }) {
  const top = Math.max(...values, 1e-9);
  const step = 120 / Math.max(1, values.length - 1);
  const points = values.map((value, index) => `${index * step},${30 - (value / top) * 28}`).join(" ");
  return (
    <svg width="120" height="32" viewBox="0 0 120 32" aria-hidden="true">
      <line x1="0" x2="120" y1="31" y2="31" className="is-line" strokeWidth="0.5" />
      <polyline points={points} className="is-line" strokeWidth="1.5" />
    </svg>
  );
}

export type Segment = Readonly<{ name: string; value: number; look: string; text: string }>;

/** One bar of parts that add up, labelled below where they are wide enough. */
export function StackedBar({ segments, end }: { segments: readonly Segment[]; end: number }) {
  let from = 0;
  return (
    <svg
      className="chart"
      viewBox="0 0 1000 28"
      preserveAspectRatio="none"
      style={{ height: 28 }}
      aria-hidden="true"
    >
      <rect x="0" y="0" width="1000" height="28" fill="var(--line)" />
      {segments.map(({ name, value, look, text }) => {
        const x = (from / end) * 1000;
        const width = (value / end) * 1000;
        from += value;
        return (
          <rect key={name} x={x} y="0" width={Math.max(0, width - 2)} height="28" className={look}>
            <title>{`${name}: ${text}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}

/** The parts of a bar in their order, with the numbers. */
export function Key({ segments }: { segments: readonly Segment[] }) {
  return (
    <ul className="row small" style={{ listStyle: "none" }}>
      {segments.map(({ name, look, text }) => (
        <li key={name} className="num">
          <i className={`mark ${look}`} aria-hidden="true" />
          {name} {text}
        </li>
      ))}
    </ul>
  );
}

export type ShareLine = Readonly<{
  name: string;
  /** In [0, 1]. */
  share: number;
  look: string;
  text: string;
  /** Where the share is meant to be. */
  band?: Readonly<{ from: number; to: number }>;
}>;

/** Shares as lines that start at zero, each with its name and number; the target is a band on the line that has one. */
export const ShareLines = ({ lines }: { lines: readonly ShareLine[] }) => (
  <div className="shares" aria-hidden="true">
    {lines.map(({ name, share, look, text, band }) => (
      <Fragment key={name}>
        <span>
          <i className={`mark ${look}`} />
          {name}
        </span>
        <svg
          className="chart"
          viewBox="0 0 1000 28"
          preserveAspectRatio="none"
          style={{ height: 28 }}
          aria-hidden="true"
        >
          <rect x="0" y="10" width="1000" height="8" fill="var(--line)" />
          <rect x="0" y="10" width={share * 1000} height="8" className={look} strokeWidth="0" />
          {band !== undefined && (
            <>
              <rect
                x={band.from * 1000}
                y="0"
                width={(band.to - band.from) * 1000}
                height="28"
                className="is-band"
              />
              <rect x={band.from * 1000 - 1} y="0" width="2" height="28" fill="var(--good)" />
              <rect x={band.to * 1000 - 1} y="0" width="2" height="28" fill="var(--good)" />
            </>
          )}
        </svg>
        <span className="num">{text}</span>
      </Fragment>
    ))}
  </div>
);
