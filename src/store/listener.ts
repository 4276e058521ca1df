/**
 * Hears what is said on a channel of the database. A connection that died without a word looks like one on which nothing is said, so
 * it asks the server a question every few seconds, and is replaced when no answer comes.
 */
import pg from "pg";
import type { Log } from "../telemetry/log.ts";
import { failureFields } from "./failure.ts";
import { backOff, isWorthALine } from "./retry.ts";

export type ListenerOptions = Readonly<{
  url: string;
  /** An identifier of ours, never a caller's. */
  channel: string;
  /** Also once after every connect: something may have been said meanwhile. */
  onNews: () => void;
  log: Log;
  random?: () => number;
  /** Between two questions, and the longest wait for an answer or a connection. */
  keepAliveMs?: number;
}>;

/** Listens until it is closed; a database that is away is waited for. */
export function startListener(options: ListenerOptions): Readonly<{ close(): Promise<void> }> {
  const { log, random = Math.random } = options;
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const { wasConnected, error } = await listenOnce(options, stopping.signal);
      if (stopping.signal.aborted) return;
      failures = wasConnected ? 1 : failures + 1;
      if (isWorthALine(failures)) {
        log.warn(
          "the connection that hears of new configurations broke; polling goes on",
          failureFields(error),
        );
      }
      await backOff(failures, random(), stopping.signal);
    }
  };
  const running = run();
  return {
    close() {
      stopping.abort();
      return running;
    },
  };
}

/** One connection, from its beginning to its end. Never rejects. */
async function listenOnce(
  { url, channel, onNews, keepAliveMs = 1_500 }: ListenerOptions,
  signal: AbortSignal,
): Promise<{ wasConnected: boolean; error: unknown }> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "modeltier-listener",
    connectionTimeoutMillis: keepAliveMs,
    query_timeout: keepAliveMs,
    keepAlive: true,
  });
  const ended = Promise.withResolvers<unknown>();
  const stop = () => ended.resolve(undefined);
  signal.addEventListener("abort", stop);
  client.on("error", ended.resolve);
  client.on("end", () => ended.resolve(new Error("the server closed the connection")));
  client.on("notification", () => onNews());
  let wasConnected = false;
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([client.connect(), ended.promise.then(rejectWith)]);
    await client.query(`listen ${channel}`);
    wasConnected = true;
    onNews();
    timer = setInterval(() => client.query("select 1").catch(ended.resolve), keepAliveMs).unref();
    return { wasConnected, error: await ended.promise };
  } catch (error) {
    return { wasConnected, error };
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", stop);
    // A silent server answers no goodbye either; its socket is closed all the same.
    void client.end().catch(() => undefined);
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}

function rejectWith(error: unknown): never {
  throw error ?? new Error("it is closed");
}
