/** A decision that explains itself: the score as a bar of what it is made of, the causes, and what was passed over. */
import type { DecisionExperiment, RoutingDecision } from "../../../../gen/modeltier/v1/routing_pb.js";
import { PriceStatus } from "../../../../gen/modeltier/v1/routing_pb.js";
import { toExecutionsOf, toExperiment } from "../experiments/paths.ts";
import { Link } from "../frame/router.tsx";
import { exactCount, percent } from "../text/format.ts";
import { causeName, factorName, tierName } from "../text/names.ts";
import { CalibratedView } from "./calibrated.tsx";
import { Key, type Segment, StackedBar } from "./charts.tsx";
import { Evidence, WhatMovedIt } from "./learned.tsx";
import { Figure } from "./table.tsx";
import { Count, Money, Target, TierMark } from "./values.tsx";

const HIGHEST_SCORE = 10;

/**
 * The agent's share of the blend, in [0, 1]. The decision says E, A and S, and E = w·A + (1 − w)·S.
 * Where A and S are the same every share gives the same sum; half is as good as any.
 */
export function agentShare({ effectiveScore, agentScore, stepScore }: RoutingDecision): number {
  if (stepScore === undefined) return 1;
  if (Math.abs(agentScore - stepScore) < 1e-3) return 0.5;
  return Math.min(1, Math.max(0, (effectiveScore - stepScore) / (agentScore - stepScore)));
}

/** What the effective score is made of; the values add up to it. */
export function contributionsOf(decision: RoutingDecision): readonly Segment[] {
  const share = agentShare(decision);
  const part = (name: string, value: number, index: number): Segment => ({
    name,
    value,
    look: `is-part-${index}`,
    text: value.toFixed(2),
  });
  return [
    part("agent", share * decision.agentScore, 0),
    ...decision.factors.map(({ factor, contribution }, index) =>
      part(factorName(factor), (1 - share) * contribution, index + 1),
    ),
  ];
}

/** What its expected success rests on. */
export function expectedBy({ learned, tier }: RoutingDecision): string {
  const own = learned?.tiers.find((one) => one.tier === tier)?.evidence ?? 0;
  return own >= 1
    ? "by this agent's outcomes"
    : "as the calibrated scorer foretells, of models like those it was trained on";
}

const isCalibrated = ({ scorer }: RoutingDecision): boolean => scorer?.name === "calibrated";

export function DecisionView({ decision }: { decision: RoutingDecision }) {
  const segments = contributionsOf(decision);
  const sum = segments.reduce((total, { value }) => total + value, 0);
  return (
    <div className="stack">
      <p>{decision.reason}</p>
      <p className="row">
        <TierMark tier={decision.tier} />
        <strong>
          <Target target={decision} />
        </strong>
        <span className="muted">
          {decision.fallbacks.length === 0
            ? "no fallback"
            : `then ${decision.fallbacks.map((next) => `${next.provider}/${next.model}`).join(", ")}`}
        </span>
      </p>
      {decision.learned !== undefined && (
        <>
          <WhatMovedIt learned={decision.learned} score={decision.effectiveScore} />
          <Evidence learned={decision.learned} />
        </>
      )}
      {isCalibrated(decision) && <CalibratedView decision={decision} />}
      {decision.learned === undefined && !isCalibrated(decision) && decision.factors.length > 0 && (
        <Figure
          title="Contributions"
          sentence={`The score is ${decision.effectiveScore.toFixed(2)} of 10: ${segments.map(({ name, text }) => `${name} ${text}`).join(", ")}; together ${sum.toFixed(2)}.`}
          picture={
            <div className="stack">
              <StackedBar segments={segments} end={HIGHEST_SCORE} />
              <Key segments={segments} />
            </div>
          }
          columns={[
            { name: "Factor", cell: ({ factor }) => factorName(factor) },
            {
              name: "Measured",
              cell: ({ measurement }) =>
                measurement === undefined ? "from the step type" : exactCount(measurement),
              right: true,
            },
            { name: "Score", cell: ({ score }) => score.toFixed(2), right: true },
            { name: "Weight", cell: ({ weight }) => weight.toFixed(2), right: true },
            { name: "In the step's score", cell: ({ contribution }) => contribution.toFixed(3), right: true },
          ]}
          rows={decision.factors}
          keyOf={({ factor }) => factorName(factor)}
        />
      )}
      {!isCalibrated(decision) && <CalibratedView decision={decision} />}
      <ol className="events" aria-label="What led to the tier">
        {decision.causes.map(({ kind, before, after, detail }) => (
          <li key={`${kind} ${detail}`}>
            <strong>{causeName(kind)}</strong>
            {before !== after && before !== 0 ? ` (${tierName(before)} → ${tierName(after)})` : ""}: {detail}
          </li>
        ))}
      </ol>
      {decision.rejectedTargets.length > 0 && (
        <ul className="events" aria-label="Targets that were passed over">
          {decision.rejectedTargets.map(({ provider, model, detail }) => (
            <li key={`${provider}/${model}`} className="attention">
              Passed over {provider}/{model}: {detail}
            </li>
          ))}
        </ul>
      )}
      <dl className="facts">
        <dt>Estimated</dt>
        <dd>
          {decision.priceStatus === PriceStatus.KNOWN ? (
            <Money nano={decision.estimatedCostNanoUsd} />
          ) : (
            "price unknown"
          )}
          , <Count value={decision.estimatedInputTokens} /> tokens in, at most{" "}
          <Count value={decision.estimatedOutputTokens} /> out
        </dd>
        {decision.expectedSuccess !== undefined && (
          <>
            <dt>Expected success</dt>
            <dd>
              {percent(decision.expectedSuccess)} in {tierName(decision.tier)}, {expectedBy(decision)}
            </dd>
          </>
        )}
        {decision.experiment !== undefined && (
          <>
            <dt>Experiment</dt>
            <dd>
              <InArm of={decision.experiment} />
            </dd>
          </>
        )}
        <dt>Configuration</dt>
        <dd>
          {decision.configVersion === 0n ? `preset ${decision.preset}` : `v${decision.configVersion}`}, scored
          by {decision.scorer?.name} {decision.scorer?.version}
        </dd>
      </dl>
    </div>
  );
}

const InArm = ({ of: { experimentId, arm } }: { of: DecisionExperiment }) => (
  <>
    <Link to={toExperiment(experimentId)}>{experimentId}</Link>, arm{" "}
    <Link to={toExecutionsOf(experimentId, arm)}>{arm}</Link>
  </>
);
