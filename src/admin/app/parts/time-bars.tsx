/** Bars over time that start at zero; the series are named at their end, and versions on the axis of time. */
import type { Segment } from "./charts.tsx";
import { spreadLabels } from "./spread-labels.ts";

export type Bar = Readonly<{
  label: string;
  segments: readonly Segment[];
  /** What was published then: short for the axis, and in full. */
  mark?: Readonly<{ short: string; text: string }>;
}>;

const HEIGHT = 180;
const LABEL_HEIGHT = 20;
/** Marks that are closer than this share of the width have one name for all of them. */
const MARK_SHARE = 0.07;

type Props = Readonly<{
  bars: readonly Bar[];
  /** The series, with what stands at their end; in the order of the segments. */
  series: readonly Segment[];
  topText: (top: number) => string;
}>;

export function TimeBars({ bars, series, topText }: Props) {
  const sums = bars.map(({ segments }) => segments.reduce((sum, { value }) => sum + value, 0));
  const top = Math.max(...sums, 1e-9);
  const slot = 1000 / Math.max(1, bars.length);
  return (
    <div className="stack">
      <span className="muted num">{topText(Math.max(...sums, 0))}</span>
      <div className="timebars">
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
                <rect x={index * slot} y="0" width="2" height={HEIGHT} fill="var(--text)">
                  <title>{mark.text}</title>
                </rect>
              )}
            </g>
          ))}
        </svg>
        <Ends series={series} last={bars.at(-1)?.segments ?? []} top={top} />
        <Axis bars={bars} />
      </div>
    </div>
  );
}

/** The names of the series, each as near to the end of its own as the others let it be. */
function Ends({ series, last, top }: { series: readonly Segment[]; last: readonly Segment[]; top: number }) {
  let upper = HEIGHT;
  const middles = series.map((_, index) => {
    const height = ((last[index]?.value ?? 0) / top) * (HEIGHT - 2);
    upper -= height;
    return upper + height / 2;
  });
  const tops = spreadLabels(middles.toReversed(), LABEL_HEIGHT, HEIGHT);
  return (
    <ul className="ends small">
      {series.toReversed().map(({ name, look, text }, index) => (
        <li
          key={name}
          className="num"
          style={{
            marginTop: (tops[index] ?? 0) - (index === 0 ? 0 : (tops[index - 1] ?? 0) + LABEL_HEIGHT),
          }}
        >
          <i className={`mark ${look}`} aria-hidden="true" />
          {name} {text}
        </li>
      ))}
    </ul>
  );
}

function Axis({ bars }: { bars: readonly Bar[] }) {
  let named = -1;
  const marks = bars.flatMap(({ mark }, index) => {
    const at = index / bars.length;
    if (mark === undefined || at - named < MARK_SHARE) return [];
    named = at;
    return [{ at, short: mark.short }];
  });
  return (
    <div className="small muted num">
      {marks.length > 0 && (
        <div className="marks">
          {marks.map(({ at, short }) => (
            <span key={at} style={at < 0.5 ? { left: `${at * 100}%` } : { right: `${(1 - at) * 100}%` }}>
              {short}
            </span>
          ))}
        </div>
      )}
      <div className="row" style={{ justifyContent: "space-between" }}>
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
