/** One worker as the primary sees it. */
import cluster, { type Worker } from "node:cluster";
import { type PrimaryMessage, readWorkerMessage, type WorkerMessage } from "./messages.ts";

export type Exit = Readonly<{ code: number | null; signal: string | null }>;

export class WorkerProcess {
  readonly id: number;
  readonly pid: number | undefined;
  /** When it has ended and all that it sent has been read. */
  readonly gone: Promise<Exit>;
  isListening = false;
  isGone = false;
  /** In its own words, why it could not start. */
  explanation: string | undefined;
  readonly #worker: Worker;

  constructor(onMessage: (from: WorkerProcess, message: WorkerMessage) => void) {
    const worker = cluster.fork();
    this.#worker = worker;
    this.id = worker.id;
    this.pid = worker.process.pid;
    worker.on("error", () => undefined); // of a message to a process that is gone; its end is heard of below
    worker.on("message", (value: unknown) => {
      const message = readWorkerMessage(value);
      if (message !== undefined) onMessage(this, message);
    });
    this.gone = this.#untilGone();
  }

  /** To a worker that is gone: nothing happens. */
  send(message: PrimaryMessage): void {
    if (this.#worker.isConnected()) this.#worker.send(message, () => undefined);
  }

  kill(): void {
    this.#worker.process.kill("SIGKILL");
  }

  async #untilGone(): Promise<Exit> {
    const { process } = this.#worker;
    const exit = new Promise<Exit>((resolve) => {
      process.once("exit", (code, signal) => resolve({ code, signal }));
      if (this.pid === undefined) resolve({ code: null, signal: null }); // it could not even be made
    });
    const hasSaidAll = new Promise<void>((resolve) => {
      if (this.#worker.isConnected()) process.once("disconnect", resolve);
      else resolve();
    });
    const [how] = await Promise.all([exit, hasSaidAll]);
    this.isGone = true;
    this.isListening = false;
    return how;
  }
}
