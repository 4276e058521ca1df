/** The pictures, drawn from numbers. Each stands in a Figure, which has the sentence and the table. */

/** A week as a line that starts at zero. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const top = Math.max(...values, 1e-9);
  const step = 120 / Math.max(1, values.length - 1);
  const points = values.map((value, index) => `${index * step},${30 - (value / top) * 28}`).join(" ");
  return (
    <svg width="120" height="32" viewBox="0 0 120 32" role="img" aria-label={label}>
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

/** What the colours of a bar mean, with the numbers. */
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

/** One share in [0, 1] on a line, with the band it is meant to be in. */
export function BandLine({
  share,
  from,
  to,
  look,
}: {
  share: number;
  from: number;
  to: number;
  look: string;
}) {
  return (
    <svg
      className="chart"
      viewBox="0 0 1000 28"
      preserveAspectRatio="none"
      style={{ height: 28 }}
      aria-hidden="true"
    >
      <rect x="0" y="10" width="1000" height="8" fill="var(--line)" />
      <rect x="0" y="10" width={share * 1000} height="8" className={look} />
      <rect x={from * 1000} y="0" width={(to - from) * 1000} height="28" className="is-band" />
      <rect x={from * 1000 - 1} y="0" width="2" height="28" fill="var(--good)" />
      <rect x={to * 1000 - 1} y="0" width="2" height="28" fill="var(--good)" />
    </svg>
  );
}

export type Bar = Readonly<{ label: string; segments: readonly Segment[]; mark?: string }>;

const HEIGHT = 180;

/** Bars over time that start at zero. A mark stands on the axis where something was published. */
export function TimeBars({ bars, topText }: { bars: readonly Bar[]; topText: (top: number) => string }) {
  const sums = bars.map(({ segments }) => segments.reduce((sum, { value }) => sum + value, 0));
  const top = Math.max(...sums, 1e-9);
  const slot = 1000 / Math.max(1, bars.length);
  return (
    <div className="stack">
      <span className="muted num">{topText(Math.max(...sums, 0))}</span>
      <svg
        className="chart"
        viewBox={`0 0 1000 ${HEIGHT}`}
        preserveAspectRatio="none"
        style={{ height: HEIGHT }}
        aria-hidden="true"
      >
        <line x1="0" x2="1000" y1="0.5" y2="0.5" stroke="var(--line)" vectorEffect="non-scaling-stroke" />
        <line
          x1="0"
          x2="1000"
          y1={HEIGHT - 0.5}
          y2={HEIGHT - 0.5}
          className="is-line"
          vectorEffect="non-scaling-stroke"
        />
        {bars.map(({ label, segments, mark }, index) => (
          <g key={label}>
            <Column segments={segments} x={index * slot + slot * 0.1} width={slot * 0.8} top={top} />
            {mark !== undefined && (
              <rect x={index * slot} y="0" width="2" height={HEIGHT} fill="var(--accent)">
                <title>{mark}</title>
              </rect>
            )}
          </g>
        ))}
      </svg>
      <div className="row muted num" style={{ justifyContent: "space-between" }}>
        <span>{bars[0]?.label}</span>
        <span>{bars.at(-1)?.label}</span>
      </div>
    </div>
  );
}

function Column({
  segments,
  x,
  width,
  top,
}: {
  segments: readonly Segment[];
  x: number;
  width: number;
  top: number;
}) {
  let y = HEIGHT;
  return segments.map(({ name, value, look, text }) => {
    const height = (value / top) * (HEIGHT - 2);
    y -= height;
    return (
      <rect key={name} x={x} y={y} width={width} height={height} className={look} strokeWidth="0">
        <title>{`${name}: ${text}`}</title>
      </rect>
    );
  });
}
