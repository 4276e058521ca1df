/** What the main thread and the embedded database's thread tell each other. Absolute paths. */
export type WorkerInput = Readonly<{
  clusterFolder: string;
  /** Only its owner can look into it. On the same file system as `socketPath`. */
  privateFolder: string;
  socketPath: string;
}>;

/** "broken": the engine stopped in the middle of a message, and the thread with it. */
export type WorkerMessage = "ready" | "broken" | "checkpoint_failed";

/** Sent once, to end the thread in good order. */
export const CLOSE = "close";
