/** What the calibrated scorer says of a request: what its score is made of, and how sure it can be of traffic like this. */
import type {
  CalibratedScore,
  RoutingDecision,
  ShadowScore,
} from "../../../../gen/modeltier/v1/routing_pb.js";
import { percent } from "../text/format.ts";
import { tierName } from "../text/names.ts";
import { points } from "./learned.tsx";
import { Table } from "./table.tsx";

/** Nobody reads sixteen lines; what is left of the sum is one more. */
const SHOWN = 6;

/** The usual request, the sides that moved this one most, and the rest together; they add up to the score. */
export function listContributions({ contributions }: CalibratedScore) {
  const [usual, ...moved] = contributions;
  const shown = moved.slice(0, SHOWN);
  const rest = moved.slice(SHOWN).reduce((sum, { points: one }) => sum + one, 0);
  return [
    ...(usual === undefined ? [] : [{ name: usual.words, text: usual.points.toFixed(2) }]),
    ...shown.map(({ words, points: one }) => ({ name: words, text: points(one) })),
    ...(moved.length > SHOWN ? [{ name: "everything else", text: points(rest) }] : []),
  ];
}

export function CalibratedView({ decision }: { decision: RoutingDecision }) {
  const { calibrated, scorer, shadow } = decision;
  if (calibrated === undefined) return null;
  const isDeciding = scorer?.name === "calibrated";
  const caption = isDeciding ? "What the step's score is made of" : "In the shadow: the calibrated score";
  const rows = [
    ...listContributions(calibrated),
    {
      name: isDeciding ? "the step's score" : "what it would give the step",
      text: calibrated.score.toFixed(2),
    },
  ];
  return (
    <>
      <h3>{caption}</h3>
      {shadow !== undefined && <p>{sayShadow(shadow, decision)}</p>}
      <Table
        caption={caption}
        rows={rows}
        keyOf={({ name }) => name}
        columns={[
          { name: "By", cell: ({ name }) => name },
          { name: "Points", cell: ({ text }) => <span className="num">{text}</span>, right: true },
        ]}
      />
      <p className="muted">
        A weak model is expected to fail {percent(calibrated.difficulty)} of such requests, and a strong one
        to succeed {percent(Math.abs(calibrated.benefit))} {calibrated.benefit < 0 ? "less" : "more"} often.{" "}
        {sayFamiliarity(calibrated)}
      </p>
    </>
  );
}

/** How much of what was learned counts. */
const sayFamiliarity = ({ familiarity }: CalibratedScore): string =>
  familiarity < 0.005
    ? "It is unlike what the scorer was trained on: only signs that hold for all traffic count."
    : `What was learned of requests like it counts ${percent(familiarity)}, signs that hold for all traffic the rest.`;

/** Both in one sentence: where they disagree a person can judge. */
export const sayShadow = (
  { scorer, tier, effectiveScore }: ShadowScore,
  { effectiveScore: decided }: RoutingDecision,
): string =>
  `By ${scorer} it would have come to ${effectiveScore.toFixed(2)} in place of ${decided.toFixed(2)}: ${tierName(tier)}.`;
