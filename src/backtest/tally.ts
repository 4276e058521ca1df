/** The sums of a backtest. What it keeps does not grow with the executions, only with the names among them, up to a limit. */
import { type ModelTarget, TIERS, type Tier, targetKey } from "../routing/types.ts";
import type { RecordedExecution } from "../store/recorded-executions.ts";
import { QUALITY_ASSUMPTIONS, QualityTally } from "./quality.ts";
import { ASSUMPTIONS, type Rescored } from "./rescore.ts";
import type { BacktestReport, CostRange, CostSum, Group, Share, Side } from "./types.ts";

/** Beyond it names are added up as one. */
const MOST_NAMES = 10_000;
const THE_OTHERS = "(others)";
const SHOWN_GROUPS = 100;

class Sum {
  executions = 0;
  #cost = 0n;
  #lowest = 0n;
  #highest = 0n;
  #unpriced = 0;

  /** @param cost absent: not known */
  add(cost: CostRange | undefined): void {
    this.executions += 1;
    if (cost === undefined) {
      this.#unpriced += 1;
      return;
    }
    this.#cost += cost.cost;
    this.#lowest += cost.lowest;
    this.#highest += cost.highest;
  }

  get cost(): CostSum {
    return {
      cost: this.#cost,
      lowest: this.#lowest,
      highest: this.#highest,
      unpricedExecutions: this.#unpriced,
    };
  }
}

class SideTally {
  readonly #total = new Sum();
  readonly #tiers = new Map<Tier, Sum>();
  readonly #targets = new Map<string, { target: ModelTarget; sum: Sum }>();

  add(tier: Tier, { provider, model }: ModelTarget, cost: CostRange | undefined): void {
    this.#total.add(cost);
    getOrMake(this.#tiers, tier, () => new Sum()).add(cost);
    const target = { provider, model };
    getOrMake(this.#targets, targetKey(target), () => ({ target, sum: new Sum() })).sum.add(cost);
  }

  get side(): Side {
    const tiers = TIERS.flatMap((tier): Share<Tier>[] => {
      const sum = this.#tiers.get(tier);
      return sum === undefined ? [] : [{ of: tier, executions: sum.executions, cost: sum.cost }];
    });
    const targets = [...this.#targets.values()]
      .map(({ target, sum }) => ({ of: target, executions: sum.executions, cost: sum.cost }))
      .sort((a, b) => b.executions - a.executions);
    return { tiers, targets, cost: this.#total.cost };
  }
}

type GroupSums = { readonly recorded: Sum; readonly candidate: Sum; tierChanges: number };

class GroupTally {
  readonly #groups = new Map<string, GroupSums>();

  add(name: string, recorded: CostRange | undefined, candidate: CostRange | undefined, isMoved: boolean) {
    const isNew = !this.#groups.has(name);
    const key = isNew && this.#groups.size >= MOST_NAMES ? THE_OTHERS : name;
    const make = () => ({ recorded: new Sum(), candidate: new Sum(), tierChanges: 0 });
    const sums = getOrMake<string, GroupSums>(this.#groups, key, make);
    sums.recorded.add(recorded);
    sums.candidate.add(candidate);
    if (isMoved) sums.tierChanges += 1;
  }

  /** Highest recorded cost first. */
  get groups(): readonly Group[] {
    return [...this.#groups]
      .map(([name, { recorded, candidate, tierChanges }]) => ({
        name,
        executions: recorded.executions,
        tierChanges,
        recorded: recorded.cost,
        candidate: candidate.cost,
      }))
      .sort((a, b) => compare(b.recorded.cost, a.recorded.cost) || b.executions - a.executions)
      .slice(0, SHOWN_GROUPS);
  }
}

export class Tally {
  withoutInputs = 0;
  refused = 0;
  #executions = 0;
  #tierChanges = 0;
  #targetChanges = 0;
  readonly #recorded = new SideTally();
  readonly #candidate = new SideTally();
  readonly #flows = new Map<string, { from: Tier; to: Tier; executions: number }>();
  readonly #agents = new GroupTally();
  readonly #intents = new GroupTally();
  readonly #quality = new QualityTally();
  #window: { from: Date; to: Date } | undefined;

  add(execution: RecordedExecution, candidate: Rescored): void {
    const { tier, served, agentId, intent } = execution;
    const cost = execution.isPriced ? exactly(execution.costNanoUsd) : undefined;
    const isMoved = candidate.tier !== tier;
    this.#executions += 1;
    this.#quality.add(execution, candidate);
    if (isMoved) this.#tierChanges += 1;
    if (targetKey(candidate.target) !== targetKey(served)) this.#targetChanges += 1;
    this.#recorded.add(tier, served, cost);
    this.#candidate.add(candidate.tier, candidate.target, candidate.cost);
    const flow = { from: tier, to: candidate.tier, executions: 0 };
    getOrMake(this.#flows, `${flow.from}>${flow.to}`, () => flow).executions += 1;
    this.#agents.add(agentId, cost, candidate.cost, isMoved);
    this.#intents.add(intent, cost, candidate.cost, isMoved);
  }

  /** Of an execution that was read, whatever became of it; newest first. */
  note({ createdAt }: RecordedExecution): void {
    this.#window = { from: createdAt, to: this.#window?.to ?? createdAt };
  }

  get report(): BacktestReport {
    return {
      executions: this.#executions,
      withoutInputs: this.withoutInputs,
      refused: this.refused,
      tierChanges: this.#tierChanges,
      targetChanges: this.#targetChanges,
      recorded: this.#recorded.side,
      candidate: this.#candidate.side,
      flows: [...this.#flows.values()].sort((a, b) => b.executions - a.executions),
      byAgent: this.#agents.groups,
      byIntent: this.#intents.groups,
      assumptions: [...ASSUMPTIONS, ...QUALITY_ASSUMPTIONS],
      quality: this.#quality.report,
      ...(this.#window !== undefined && { window: this.#window }),
    };
  }
}

const exactly = (cost: bigint): CostRange => ({ cost, lowest: cost, highest: cost });

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}
