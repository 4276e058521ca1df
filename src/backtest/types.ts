import type { ModelTarget, Tier } from "../routing/types.ts";
import type { QualityReport } from "./quality.ts";

/** In nano-USD. What is known has three equal amounts. */
export type CostRange = Readonly<{ cost: bigint; lowest: bigint; highest: bigint }>;

export type CostSum = CostRange &
  Readonly<{
    /** Their cost is not known; they count 0. */
    unpricedExecutions: number;
  }>;

export type Share<K> = Readonly<{ of: K; executions: number; cost: CostSum }>;

export type Side = Readonly<{
  /** Cheapest first. */
  tiers: readonly Share<Tier>[];
  /** Most executions first. */
  targets: readonly Share<ModelTarget>[];
  cost: CostSum;
}>;

export type Group = Readonly<{
  name: string;
  executions: number;
  tierChanges: number;
  recorded: CostSum;
  candidate: CostSum;
}>;

export type BacktestReport = Readonly<{
  /** Decided anew; both sides are made of these. */
  executions: number;
  withoutInputs: number;
  /** The candidate would have refused them. */
  refused: number;
  tierChanges: number;
  targetChanges: number;
  recorded: Side;
  candidate: Side;
  flows: readonly Readonly<{ from: Tier; to: Tier; executions: number }>[];
  byAgent: readonly Group[];
  byIntent: readonly Group[];
  assumptions: readonly string[];
  quality: QualityReport;
  /** Of the oldest and the newest execution; absent: there were none. */
  window?: Readonly<{ from: Date; to: Date }>;
}>;

export type BacktestEvent = Readonly<
  { kind: "progress"; executions: number; total: number } | { kind: "report"; report: BacktestReport }
>;
