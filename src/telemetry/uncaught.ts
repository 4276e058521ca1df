/** What becomes of a process in which an error was caught by nobody: it may be in any state, so it ends, and well. */
import type { Log } from "./log.ts";

/**
 * Says which error it was and has the process end: rejections that nobody handles among them.
 * @param end lets the calls in flight end, and then the process, with a code other than 0
 */
export function endOnUncaught(log: Log, end: () => Promise<void>): void {
  process.on("uncaughtException", (error: unknown, origin) => {
    log.error("an error was caught by nobody: calls in flight may end, and then this process does", {
      origin,
      failure: error instanceof Error ? error.name : typeof error,
      at: placesOf(error),
    });
    void end();
  });
}

/** The frames and not the message, which can quote what a caller sent. */
const placesOf = (error: unknown): string | undefined =>
  error instanceof Error
    ? error.stack
        ?.split("\n")
        .filter((line) => line.startsWith("    at "))
        .map((line) => line.trim())
        .slice(0, 8)
        .join("; ")
    : undefined;
