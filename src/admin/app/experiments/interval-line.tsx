/** A difference as a line between its bounds, on an axis with zero in the middle. The numbers stand beside it as text. */
import type { ExperimentInterval } from "../../../../gen/modeltier/v1/experiment_pb.js";
import type { Side } from "./metric-words.ts";

const WIDTH = 240;
const HEIGHT = 28;
const MIDDLE = HEIGHT / 2;

/**
 * @param reach of the axis to either side of zero
 * @param mark where the margin is; absent: there is none
 */
export function IntervalLine({
  interval: { estimate, lower, upper },
  reach,
  side,
  mark,
}: {
  interval: ExperimentInterval;
  reach: number;
  side: Side;
  mark?: number | undefined;
}) {
  const at = (value: number) => Math.min(WIDTH, Math.max(0, WIDTH / 2 + (value / reach) * (WIDTH / 2)));
  const from = lower === undefined ? 0 : at(lower);
  const to = upper === undefined ? WIDTH : at(upper);
  return (
    <svg
      className={`interval is-${side}`}
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
    >
      <line x1="0" x2={WIDTH} y1={MIDDLE} y2={MIDDLE} className="axis" />
      <line x1={WIDTH / 2} x2={WIDTH / 2} y1="-10" y2={HEIGHT + 10} className="zero" />
      {mark !== undefined && <line x1={at(mark)} x2={at(mark)} y1="0" y2={HEIGHT} className="margin" />}
      <line
        x1={from}
        x2={Math.max(to, from + 2)}
        y1={MIDDLE}
        y2={MIDDLE}
        className={lower === undefined && upper === undefined ? "span unbounded" : "span"}
      />
      {lower !== undefined && <line x1={from} x2={from} y1={MIDDLE - 5} y2={MIDDLE + 5} className="end" />}
      {upper !== undefined && <line x1={to} x2={to} y1={MIDDLE - 5} y2={MIDDLE + 5} className="end" />}
      <circle cx={at(estimate)} cy={MIDDLE} r="4" />
    </svg>
  );
}
