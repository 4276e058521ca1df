/** The metrics of all workers, of those that are gone, and of the primary itself. */
import { Counter, Registry } from "prom-client";
import { keepTotals, type MetricsSnapshot, renderSnapshot, sumSnapshots } from "../telemetry/snapshot.ts";

export class TotalMetrics {
  readonly #registry = new Registry();
  readonly #restarts = new Counter({
    name: "modeltier_worker_restarts_total",
    help: "Workers that took the place of one that was gone.",
    registers: [this.#registry],
  });
  /** The last word of every worker that is there. */
  readonly #latest = new Map<number, MetricsSnapshot>();
  /** What those counted that are gone: without it the sums would fall, and Prometheus would take that for a restart. */
  #departed: MetricsSnapshot = [];
  #folding: Promise<void> = Promise.resolve();

  note(worker: number, snapshot: MetricsSnapshot): void {
    this.#latest.set(worker, snapshot);
  }

  /** The worker is gone; its totals stay. Resolves when they are among those of the departed. */
  retire(worker: number): Promise<void> {
    this.#folding = this.#folding.then(() => this.#fold(worker));
    return this.#folding;
  }

  countRestart(): void {
    this.#restarts.inc();
  }

  async render(): Promise<string> {
    const own = (await this.#registry.getMetricsAsJSON()) as unknown as MetricsSnapshot;
    return renderSnapshot(await sumSnapshots([...this.#latest.values(), this.#departed, own]));
  }

  /** In one step from one map to the other, so that no rendering misses a worker or counts it twice. */
  async #fold(worker: number): Promise<void> {
    const left = keepTotals(this.#latest.get(worker) ?? []);
    const sum = await sumSnapshots([this.#departed, left]);
    this.#latest.delete(worker);
    this.#departed = sum;
  }
}
