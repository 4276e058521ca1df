/** A backtest's report as sentences and rows. */
import type {
  BacktestReport,
  BacktestSide,
  CostEstimate,
  EstimateInterval,
  OffPolicyEstimate,
} from "../../../../gen/modeltier/v1/backtest_pb.js";
import { count, percent, usd } from "../text/format.ts";

export const nano = (cost: CostEstimate | undefined): bigint => cost?.costNanoUsd ?? 0n;

/** "$2.90 to $3.40"; what is known has no range. */
export const sayRange = (cost: CostEstimate | undefined): string =>
  cost === undefined || cost.lowestNanoUsd === cost.highestNanoUsd
    ? "–"
    : `${usd(cost.lowestNanoUsd)} to ${usd(cost.highestNanoUsd)}`;

function sayLeftOut(withoutInputs: bigint, refused: bigint): string {
  const lacking =
    withoutInputs === 0n ? "" : ` ${count(withoutInputs)} more lack what scoring needs, and are left out.`;
  return refused === 0n ? lacking : `${lacking} ${count(refused)} would be refused, and are in neither sum.`;
}

/** At most so many are read, the newest first, unless one asks for more. */
const USUAL_MOST = 100_000n;

/**
 * "The 1,240 executions of the last seven days would have cost $3.10 ($2.90 to $3.40) instead of $4.20: 26 % less."
 * @param period of when they are: "last seven days"
 */
export function sayReport(
  { executions, withoutInputs, refused, recorded, candidate, tierChanges, targetChanges }: BacktestReport,
  period: string,
): string {
  const which = executions + withoutInputs + refused < USUAL_MOST ? "" : "newest ";
  const before = nano(recorded?.cost);
  const after = nano(candidate?.cost);
  const change = before === 0n ? 0 : Number(after - before) / Number(before);
  const than =
    before === 0n || change === 0 ? "" : `: ${percent(Math.abs(change))} ${change < 0 ? "less" : "more"}`;
  const range = candidate?.cost === undefined ? "–" : sayRange(candidate.cost);
  const between = range === "–" ? "" : ` (${range})`;
  return `The ${which}${count(executions)} executions of the ${period} would have cost ${usd(after)}${between} instead of ${usd(before)}${than}. ${count(targetChanges)} would have gone to another target, ${count(tierChanges)} to another tier.${sayLeftOut(withoutInputs, refused)}`;
}

type Share = BacktestSide["targets"][number];
export type TargetRow = Readonly<{
  target: Share["target"];
  /** Absent: no execution went there. */
  was: Share | undefined;
  wouldBe: Share | undefined;
}>;

/** Every target of either side, those that served first. */
export function targetRows({ recorded, candidate }: BacktestReport): readonly TargetRow[] {
  const was = recorded?.targets ?? [];
  const wouldBe = candidate?.targets ?? [];
  const isSame = (one: Share, other: Share) =>
    one.target?.provider === other.target?.provider && one.target?.model === other.target?.model;
  return [
    ...was.map((share) => ({
      target: share.target,
      was: share,
      wouldBe: wouldBe.find((other) => isSame(share, other)),
    })),
    ...wouldBe
      .filter((share) => !was.some((other) => isSame(share, other)))
      .map((share) => ({ target: share.target, was: undefined, wouldBe: share })),
  ];
}

/** "0.913 (0.890 to 0.936)" */
export const sayInterval = (interval: EstimateInterval | undefined): string =>
  interval === undefined
    ? "–"
    : `${figure(interval.value)} (${figure(interval.lower)} to ${figure(interval.upper)})`;

/** Three significant digits from 1 on, three decimals below. */
export const figure = (value: number): string =>
  Math.abs(value) >= 1 ? value.toPrecision(3) : value.toFixed(3);

/** Why one of the two is not estimated; undefined: both are, or the service is of a release that does not. */
export function sayRefusals({ quality }: BacktestReport): readonly string[] {
  const say = (name: string, estimate: OffPolicyEstimate | undefined): string[] =>
    estimate === undefined || estimate.refusal === ""
      ? []
      : [`${name} is not estimated. ${estimate.refusal}`];
  return [...say("Success", quality?.success), ...say("Rated quality", quality?.quality)];
}
