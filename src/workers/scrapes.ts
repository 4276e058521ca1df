/** Answers scrapes for all workers: asks each for its metrics, waits a little, and takes what there is. */
import type { MetricsSnapshot } from "../telemetry/snapshot.ts";
import { Questions } from "./questions.ts";
import type { TotalMetrics } from "./total-metrics.ts";
import type { WorkerProcess } from "./worker-process.ts";

export type ScrapesOptions = Readonly<{
  totals: TotalMetrics;
  workers: () => readonly WorkerProcess[];
}>;

/** What a worker said last counts when it takes longer. */
const SNAPSHOT_MS = 1_000;

export class Scrapes {
  readonly #options: ScrapesOptions;
  readonly #questions = new Questions<void>();
  #rendering: Promise<string> | undefined;

  constructor(options: ScrapesOptions) {
    this.#options = options;
  }

  /** As Prometheus reads it. Scrapes that come together share one rendering. */
  render(): Promise<string> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = undefined;
    });
    return this.#rendering;
  }

  /** @param id of the question; absent: nobody asked */
  onSnapshot(worker: number, metrics: MetricsSnapshot, id?: number): void {
    this.#options.totals.note(worker, metrics);
    if (id !== undefined) this.#questions.answer(id, undefined);
  }

  async #render(): Promise<string> {
    const { totals, workers } = this.#options;
    const listening = workers().filter(({ isListening }) => isListening);
    await Promise.all(listening.map((worker) => this.#ask(worker)));
    return totals.render();
  }

  #ask(worker: WorkerProcess): Promise<unknown> {
    return Promise.race([
      this.#questions.ask((id) => worker.send({ type: "snapshot_wanted", id }), SNAPSHOT_MS),
      worker.gone,
    ]);
  }
}
