import { Counter, Gauge, type Registry } from "prom-client";

type Options<L extends string> = Readonly<{
  name: string;
  help: string;
  labelNames: readonly L[];
  registers: Registry[];
}>;

/** Of one series. */
export type Money = Readonly<{ labels: Readonly<Record<string, string>>; nanoUsd: bigint }>;

/**
 * Sums of US dollars, added in whole nano-USD and divided once, when they are read: a float sum would drift from the
 * records by the millionth call. Exact up to nine million dollars a series, the reach of a double.
 */
class MoneySums<L extends string> {
  readonly #totals = new Map<string, { labels: Record<L, string>; nanoUsd: bigint }>();

  add(labels: Record<L, string>, nanoUsd: bigint): void {
    const key = JSON.stringify(labels);
    const total = this.#totals.get(key);
    if (total === undefined) this.#totals.set(key, { labels, nanoUsd });
    else total.nanoUsd += nanoUsd;
  }

  list(): readonly Money[] {
    return [...this.#totals.values()];
  }

  *inUsd(): Generator<readonly [labels: Record<L, string>, usd: number]> {
    for (const { labels, nanoUsd } of this.#totals.values()) yield [labels, Number(nanoUsd) / 1e9];
  }
}

/** Money that only grows. */
export class MoneyCounter<L extends string> {
  readonly name: string;
  readonly #sums = new MoneySums<L>();

  constructor({ labelNames, ...options }: Options<L>) {
    const sums = this.#sums;
    this.name = options.name;
    new Counter({
      ...options,
      labelNames: [...labelNames],
      collect() {
        this.reset();
        for (const [labels, usd] of sums.inUsd()) this.inc(labels, usd);
      },
    });
  }

  add(labels: Record<L, string>, nanoUsd: bigint): void {
    this.#sums.add(labels, nanoUsd);
  }

  /** Every series, exactly. */
  list(): readonly Money[] {
    return this.#sums.list();
  }
}

/** Money that grows and shrinks. */
export class MoneyGauge<L extends string> {
  readonly name: string;
  readonly #sums = new MoneySums<L>();

  constructor({ labelNames, ...options }: Options<L>) {
    const sums = this.#sums;
    this.name = options.name;
    new Gauge({
      ...options,
      labelNames: [...labelNames],
      collect() {
        this.reset();
        for (const [labels, usd] of sums.inUsd()) this.set(labels, usd);
      },
    });
  }

  add(labels: Record<L, string>, nanoUsd: bigint): void {
    this.#sums.add(labels, nanoUsd);
  }

  /** Every series, exactly. */
  list(): readonly Money[] {
    return this.#sums.list();
  }
}
