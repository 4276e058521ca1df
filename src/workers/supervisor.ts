/** Keeps the workers running: starts them, replaces those that die, and ends them together. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../telemetry/log.ts";
import type { StartMessage, WorkerMessage } from "./messages.ts";
import { countDeath, restartDelayMs } from "./restart-delay.ts";
import { type Exit, WorkerProcess } from "./worker-process.ts";

export type Listening = Extract<WorkerMessage, { type: "listening" }>;

export type SupervisorOptions = Readonly<{
  workers: number;
  /** Any free port will do at first; later it has to be that one. */
  isAnyPort: boolean;
  /** What a new worker is told. @param ports to ask for in place of those of the settings */
  startMessage(ports: Ports | undefined): StartMessage;
  /** Every message that is not about starting. */
  onMessage(from: WorkerProcess, message: WorkerMessage): void;
  onGone(worker: WorkerProcess): void;
  onRestart(): void;
  log: Log;
  /** Monotonic, in ms. */
  nowMs(): number;
}>;

export type Ports = Readonly<{
  grpcPort: number;
  httpPort: number;
  metricsPort?: number;
  adminPort?: number;
}>;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #workers = new Set<WorkerProcess>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #started = Promise.withResolvers<Listening>();
  /** The first worker's word; the ports of all. */
  #listening: Listening | undefined;
  #phase: "starting" | "running" | "stopping" = "starting";
  /** To ask for by number, since the random ones were lost. */
  #lostPorts: Ports | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#workers];
  }

  /** Resolves when all workers listen. Rejects when one could not start, with its explanation. */
  start(): Promise<Listening> {
    // After a start that failed, or a stop that was asked for twice. After a crash the workers end by themselves, drained.
    process.once("exit", () => {
      if (this.#phase !== "running") this.#killAll();
    });
    for (let count = 0; count < this.#options.workers; count += 1) this.#hire(0);
    return this.#started.promise;
  }

  /** Has all workers end their calls. @returns whether all ended well and in time; those that did not are killed */
  async drain(withinMs: number): Promise<boolean> {
    this.#phase = "stopping";
    for (const timer of this.#restarts) clearTimeout(timer);
    const workers = this.workers;
    for (const worker of workers) worker.send({ type: "drain" });
    const late = new AbortController();
    const exits = Promise.all(workers.map(({ gone }) => gone));
    const inTime = await Promise.race([exits, sleep(withinMs, undefined, { signal: late.signal })]);
    late.abort();
    this.#killAll();
    return (inTime ?? (await exits)).every(({ code }) => code === 0);
  }

  /** @param deaths of those it replaces, in a row */
  #hire(deaths: number): void {
    const { nowMs } = this.#options;
    const bornAtMs = nowMs();
    const worker = new WorkerProcess((from, message) => this.#onMessage(from, message));
    this.#workers.add(worker);
    worker.gone.then((exit) => this.#onGone(worker, exit, countDeath(deaths, nowMs() - bornAtMs)));
  }

  #onMessage(worker: WorkerProcess, message: WorkerMessage): void {
    if (message.type === "hello") {
      if (this.#phase === "stopping") worker.send({ type: "drain" });
      else worker.send(this.#options.startMessage(this.#lostPorts));
    } else if (message.type === "listening") this.#onListening(worker, message);
    else if (message.type === "failed") worker.explanation = message.explanation;
    else this.#options.onMessage(worker, message);
  }

  #onListening(worker: WorkerProcess, listening: Listening): void {
    this.#listening ??= listening;
    if (!isSamePorts(listening, this.#listening)) {
      worker.kill(); // the last that had them closed them while this one started
      return;
    }
    worker.isListening = true;
    this.#options.log.info("a worker listens", { worker: worker.id, pid: worker.pid });
    const isComplete = this.workers.every(({ isListening }) => isListening);
    if (this.#phase !== "starting" || !isComplete) return;
    this.#phase = "running";
    this.#started.resolve(listening);
  }

  #onGone(worker: WorkerProcess, { code, signal }: Exit, deaths: number): void {
    this.#workers.delete(worker);
    this.#options.onGone(worker);
    if (this.#phase === "stopping") return;
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    if (this.#phase === "starting") {
      const explanation = worker.explanation ?? `a worker ended ${how} before it listened`;
      this.#started.reject(new Error(explanation));
      return;
    }
    if (this.workers.every(({ isListening }) => !isListening)) this.#keepPorts();
    const delayMs = restartDelayMs(deaths);
    this.#options.log.error("a worker is gone; another takes its place", {
      worker: worker.id,
      pid: worker.pid,
      code: code ?? undefined,
      signal: signal ?? undefined,
      explanation: worker.explanation,
      delay_ms: delayMs,
    });
    this.#restartAfter(delayMs, deaths);
  }

  /**
   * Random ports are given up when nobody is left who listens on them. From then on they are asked for by number; who is
   * just starting asked otherwise, and starts again.
   */
  #keepPorts(): void {
    if (!this.#options.isAnyPort || this.#lostPorts !== undefined) return;
    this.#lostPorts = this.#listening;
    this.#killAll();
  }

  #restartAfter(delayMs: number, deaths: number): void {
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#options.onRestart();
      this.#hire(deaths);
    }, delayMs);
    this.#restarts.add(timer);
  }

  #killAll(): void {
    for (const worker of this.#workers) worker.kill();
  }
}

const isSamePorts = (one: Ports, other: Ports): boolean =>
  one.grpcPort === other.grpcPort &&
  one.httpPort === other.httpPort &&
  one.metricsPort === other.metricsPort &&
  one.adminPort === other.adminPort;
