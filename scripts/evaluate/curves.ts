/** Cost and quality as more and more prompts, highest scores first, get the strong model; with bootstrap intervals. */
import { randomOf } from "../train/random.ts";

/** One prompt of one source: what it costs and how well it goes on either model. */
export type Prompt = Readonly<{
  source: string;
  weak: number;
  strong: number;
  weakCost: number;
  strongCost: number;
}>;

export type Curve = Readonly<{
  /** By share of prompts on the strong model, from 0 to 1 in equal steps. */
  quality: readonly number[];
  cost: readonly number[];
  /** The share of what the strong model gains that is kept, by the same shares; and its mean. */
  kept: readonly number[];
  apgr: number;
}>;

export const STEPS = 50;

/** How often each prompt counts: once, or as often as a bootstrap replicate drew it. */
export type Draw = Float64Array;

/** A ranking to be measured many times: prompts by falling score, those of one score together. */
export type Ranking = readonly (readonly number[])[];

export function rankingOf(scores: ArrayLike<number>, own: readonly number[]): Ranking {
  const order = own.toSorted((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
  const groups: number[][] = [];
  let last: number | undefined;
  for (const index of order) {
    const score = scores[index] ?? 0;
    if (score === last) groups.at(-1)?.push(index);
    else groups.push([index]);
    last = score;
  }
  return groups;
}

/** Prompts of one score are taken in together, on a straight line: as a coin between them would on average. */
export function curveOf(prompts: readonly Prompt[], ranking: Ranking, draw: Draw): Curve {
  const at = [{ count: 0, quality: 0, cost: 0 }];
  let [count, quality, cost] = [0, 0, 0];
  for (const group of ranking) {
    for (const index of group) {
      const { weak, strong, weakCost, strongCost } = prompts[index] as Prompt;
      const times = draw[index] ?? 0;
      count += times;
      quality += times * (strong - weak);
      cost += times * (strongCost - weakCost);
    }
    if (count > (at.at(-1)?.count ?? 0)) at.push({ count, quality, cost });
  }
  const base = { quality: 0, cost: 0 };
  for (const index of ranking.flat()) {
    base.quality += ((draw[index] ?? 0) * (prompts[index]?.weak ?? 0)) / count;
    base.cost += ((draw[index] ?? 0) * (prompts[index]?.weakCost ?? 0)) / count;
  }
  let area = 0;
  for (let index = 1; index < at.length; index++) {
    const [from, to] = [at[index - 1], at[index]] as [(typeof at)[0], (typeof at)[0]];
    area += ((to.count - from.count) * (from.quality + to.quality)) / 2;
  }
  const curve = { quality: [] as number[], cost: [] as number[], kept: [] as number[] };
  let group = 1;
  for (let step = 0; step <= STEPS; step++) {
    const wanted = (step / STEPS) * count;
    while (group < at.length - 1 && (at[group]?.count ?? 0) < wanted) group++;
    const [from, to] = [at[group - 1], at[group]] as [(typeof at)[0], (typeof at)[0]];
    const part = to.count > from.count ? (wanted - from.count) / (to.count - from.count) : 0;
    const gained = from.quality + part * (to.quality - from.quality);
    curve.quality.push(base.quality + gained / count);
    curve.cost.push(base.cost + (from.cost + part * (to.cost - from.cost)) / count);
    curve.kept.push(gained / quality);
  }
  return { ...curve, apgr: area / count / quality };
}

/** Draws of prompts with replacement within each source, every source weighing the same in all. The first is every prompt once. */
export function drawsOf(prompts: readonly Prompt[], replicates: number, seed = 1): Draw[] {
  const bySource = new Map<string, number[]>();
  for (const [index, { source }] of prompts.entries()) {
    const members = bySource.get(source);
    if (members === undefined) bySource.set(source, [index]);
    else members.push(index);
  }
  const random = randomOf(seed);
  return Array.from({ length: replicates + 1 }, (_, replicate) => {
    const draw = new Float64Array(prompts.length);
    for (const members of bySource.values()) {
      for (const member of members) {
        const drawn = replicate === 0 ? member : (members[Math.floor(random() * members.length)] ?? 0);
        draw[drawn] = (draw[drawn] ?? 0) + 1 / members.length;
      }
    }
    return draw;
  });
}

export type Measured = Readonly<{ value: number; low: number; high: number }>;

/** Of a figure in every draw: that of all prompts once, and the middle 95 % of the others. */
export function measured([value = 0, ...others]: readonly number[]): Measured {
  const sorted = others.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? value;
  return { value, low: at(0.025), high: at(0.975) };
}
