import { Counter, type Registry } from "prom-client";

type Options<L extends string> = Readonly<{
  name: string;
  help: string;
  labelNames: readonly L[];
  registers: Registry[];
}>;

/**
 * A counter of US dollars that adds in whole nano-USD and divides once, when it is read: a float sum would drift from
 * the records by the millionth call. Exact up to nine million dollars a series, the reach of a double.
 */
export class MoneyCounter<L extends string> {
  readonly #totals = new Map<string, { labels: Record<L, string>; nanoUsd: bigint }>();

  constructor({ name, help, labelNames, registers }: Options<L>) {
    const totals = this.#totals;
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        for (const { labels, nanoUsd } of totals.values()) this.inc(labels, Number(nanoUsd) / 1e9);
      },
    });
  }

  add(labels: Record<L, string>, nanoUsd: bigint): void {
    const key = JSON.stringify(labels);
    const total = this.#totals.get(key);
    if (total === undefined) this.#totals.set(key, { labels, nanoUsd });
    else total.nanoUsd += nanoUsd;
  }
}
