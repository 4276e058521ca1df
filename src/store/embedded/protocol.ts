/** What the main thread and the embedded database's thread tell each other. Absolute paths. */
export type WorkerInput = Readonly<{
  clusterFolder: string;
  /** Only its owner can look into it. On the same file system as `socketPath`. */
  privateFolder: string;
  socketPath: string;
}>;

/**
 * "broken": the engine stopped in the middle of a message, and the thread with it. "persisted" and "not_persisted" answer
 * PERSIST, in the order in which it was sent.
 */
export type WorkerMessage = "ready" | "broken" | "checkpoint_failed" | "persisted" | "not_persisted";

/** Sent once, to end the thread in good order. */
export const CLOSE = "close";

/** Asks for everything that is committed to be brought to the disk. */
export const PERSIST = "persist";
