/** Keeps the embedded database's thread running: one that dies is started again, on the same folder and socket. */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { programOf } from "../../files.ts";
import type { Log } from "../../telemetry/log.ts";
import { backOff, isWorthALine } from "../retry.ts";
import { CLOSE, PERSIST, type WorkerInput, type WorkerMessage } from "./protocol.ts";

/** A checkpoint of what was written in the last minute takes far less. */
const CLOSE_MS = 10_000;

const COMPLAINTS: Readonly<Partial<Record<WorkerMessage, string>>> = {
  broken: "The embedded database's engine broke on a message that it cannot take",
  checkpoint_failed: "The embedded database could not write a checkpoint; its log grows until one succeeds",
};

export type SupervisedWorker = Readonly<{
  /** Everything committed so far is on the disk when it resolves. One at a time. */
  persist(): Promise<void>;
  close(): Promise<void>;
}>;

/** Resolves when the database takes connections. Rejects when the first start fails; later ones are repeated. */
export async function startSupervised(input: WorkerInput, log: Log): Promise<SupervisedWorker> {
  const closing = new AbortController();
  let worker = await startWorker(input, log);
  const watching = watch();

  async function watch(): Promise<void> {
    for (;;) {
      await ended(worker);
      if (closing.signal.aborted) return;
      log.error("The embedded database stopped; starting it again");
      const restarted = await restart(input, log, closing.signal);
      if (!restarted) return;
      if (closing.signal.aborted) return stop(restarted, log);
      worker = restarted;
      log.info("The embedded database is back");
    }
  }

  return {
    persist: () => persist(worker),
    async close() {
      closing.abort();
      await stop(worker, log);
      await watching;
    },
  };
}

async function restart(input: WorkerInput, log: Log, signal: AbortSignal): Promise<Worker | undefined> {
  for (let failures = 1; ; failures += 1) {
    await backOff(failures, 0, signal);
    if (signal.aborted) return undefined;
    try {
      return await startWorker(input, log);
    } catch (error) {
      if (isWorthALine(failures)) {
        log.error("The embedded database does not start", { failure: String(error), failures });
      }
    }
  }
}

function startWorker(input: WorkerInput, log: Log): Promise<Worker> {
  const worker = new Worker(programOf("store/embedded/worker"), {
    name: "embedded-database",
    workerData: input,
  });
  return new Promise((resolve, reject) => {
    worker.on("message", (message: WorkerMessage) => {
      if (message === "ready") resolve(worker);
      const complaint = COMPLAINTS[message];
      if (complaint !== undefined) log.error(complaint);
    });
    worker.on("error", (thrown: unknown) => {
      const error = asError(thrown);
      log.error("The embedded database's thread failed", { failure: String(error) });
      reject(error);
    });
    worker.once("exit", (code) =>
      reject(new Error(`The embedded database's thread ended with code ${code}`)),
    );
  });
}

/** Of WASI, whose numbers the engine's file system has. */
const NO_SPACE = 51;

/** What the engine throws of its files is no Error, and has a number alone. */
function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const errno = typeof thrown === "object" && thrown !== null && "errno" in thrown ? thrown.errno : undefined;
  return new Error(errno === NO_SPACE ? "the disk is full" : `the file system's error ${errno}`, {
    cause: thrown,
  });
}

function persist(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const answered = (message: WorkerMessage): void => {
      if (message !== "persisted" && message !== "not_persisted") return;
      worker.off("message", answered);
      worker.off("exit", gone);
      if (message === "persisted") resolve();
      else reject(new Error("the embedded database's files could not be brought to the disk"));
    };
    const gone = (): void => {
      worker.off("message", answered);
      reject(new Error("the embedded database's thread is gone"));
    };
    worker.on("message", answered);
    worker.once("exit", gone);
    if (worker.threadId === -1) gone();
    else worker.postMessage(PERSIST);
  });
}

/** `threadId` is -1 once the thread has ended. */
const ended = (worker: Worker): Promise<void> =>
  new Promise((resolve) => {
    if (worker.threadId === -1) resolve();
    else worker.once("exit", () => resolve());
  });

async function stop(worker: Worker, log: Log): Promise<void> {
  worker.postMessage(CLOSE);
  const outcome = await Promise.race([ended(worker), sleep(CLOSE_MS, "late", { ref: false })]);
  if (outcome !== "late") return;
  log.warn("The embedded database did not close in time; its log is replayed at the next start");
  await worker.terminate();
}
