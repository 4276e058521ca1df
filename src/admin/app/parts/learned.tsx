/** A learned score: what moved it from 5, and what is known of the agent's calls on each tier. */
import type { LearnedScore, ScoreMovement } from "../../../../gen/modeltier/v1/routing_pb.js";
import { percent } from "../text/format.ts";
import { Table } from "./table.tsx";
import { TierMark } from "./values.tsx";

const outcomesOf = ({ tiers }: LearnedScore): number =>
  tiers.reduce((sum, { evidence }) => sum + evidence, 0);

/** "+0.42", "−1.30". */
export const points = (value: number): string => {
  const size = Math.abs(value).toFixed(2);
  return value < 0 && size !== "0.00" ? `−${size}` : `+${size}`;
};

/** What an outcome a long time ago still counts as is a fraction. */
export const outcomes = (evidence: number): string =>
  evidence >= 10 || evidence === Math.round(evidence) ? String(Math.round(evidence)) : evidence.toFixed(1);

const MOVES: readonly Readonly<{ of: keyof ScoreMovement & string; name: string }>[] = [
  { of: "stated", name: "what its caller states" },
  { of: "agentEvidence", name: "its outcomes" },
  { of: "intentEvidence", name: "its outcomes of such steps" },
  { of: "step", name: "the step" },
];

/** @param score that it came to */
export function WhatMovedIt({ learned, score }: { learned: LearnedScore; score: number }) {
  const { moved } = learned;
  if (moved === undefined) return null;
  const parts = MOVES.map(({ of, name }) => ({ name, value: moved[of] as number }));
  const sum = parts.reduce((total, { value }) => total + value, 5);
  const rows = [
    { name: "where every agent begins", text: "5.00" },
    ...parts
      .filter(({ value }, index) => index < 2 || value !== 0)
      .map(({ name, value }) => ({ name, text: points(value) })),
    { name: "the score", text: score.toFixed(2) },
  ];
  return (
    <>
      <Table
        caption="What moved the score"
        rows={rows}
        keyOf={({ name }) => name}
        columns={[
          { name: "By", cell: ({ name }) => name },
          { name: "Points", cell: ({ text }) => <span className="num">{text}</span>, right: true },
        ]}
      />
      {Math.abs(sum - score) >= 0.005 && (
        <p className="muted">Together {sum.toFixed(2)}, held between 0 and 10.</p>
      )}
    </>
  );
}

export function Evidence({ learned }: { learned: LearnedScore }) {
  return (
    <>
      <Table
        caption="Evidence by tier"
        rows={learned.tiers}
        keyOf={({ tier }) => String(tier)}
        columns={[
          { name: "Tier", cell: ({ tier }) => <TierMark tier={tier} /> },
          {
            name: "Outcomes",
            cell: ({ evidence }) => (
              <span className="num" title={String(evidence)} data-exact={String(evidence)}>
                {outcomes(evidence)}
              </span>
            ),
            right: true,
          },
          { name: "Expected to succeed", cell: ({ quality }) => percent(quality), right: true },
        ]}
      />
      <p className="muted">
        {outcomesOf(learned) === 0
          ? "No outcome of this agent is known: what is expected is what its caller states and what holds for all agents."
          : `Its own outcomes count ${percent(learned.trust)} against what its caller states; older ones count less.`}
      </p>
    </>
  );
}
