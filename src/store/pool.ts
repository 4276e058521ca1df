/** Connections: exact types, a limit on every wait, and no connection used again after it fell silent. */
import {
  Kysely,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type PostgresQueryResult,
} from "kysely";
import pg from "pg";
import type { Log } from "../telemetry/log.ts";
import { failureFields, isReadOnly, isServerAnswer } from "./failure.ts";

/** A server by URL, or the embedded one by the folder of its socket. */
export type Place = Readonly<{ url: string } | { socketFolder: string }>;

/** In ms, except the number of connections. */
export type Limits = Readonly<{
  connections: number;
  /** To get a connection, whether a free one or a new one. */
  acquireMs: number;
  /** From sending a statement to its whole reply. Longer than the server's own limit, so that the server ends first. */
  replyMs: number;
  /** The server's limits on one statement, on waiting for a lock and on an idle transaction; absent: the server's own. */
  server?: Readonly<{ statementMs: number; lockMs: number; idleTransactionMs: number }>;
}>;

export const SERVING_LIMITS: Limits = {
  connections: 10,
  acquireMs: 1_000,
  replyMs: 3_000,
  server: { statementMs: 2_000, lockMs: 500, idleTransactionMs: 10_000 },
};

/** One connection that asks a small question now and then, and is replaced at once when it falls silent. */
export const WATCHING_LIMITS: Limits = {
  connections: 1,
  acquireMs: 1_000,
  replyMs: 1_000,
  server: { statementMs: 900, lockMs: 500, idleTransactionMs: 10_000 },
};

/** A read that takes longer is given up: its window is too long, or a filter is missing. */
export const ANALYTICS_LIMITS: Limits = {
  connections: 3,
  acquireMs: 3_000,
  replyMs: 6_000,
  server: { statementMs: 5_000, lockMs: 500, idleTransactionMs: 10_000 },
};

/** A migration sets its server limits inside its transaction, so that it also gets through a connection pooler. */
export const MIGRATION_LIMITS: Limits = { connections: 1, acquireMs: 5_000, replyMs: 11 * 60_000 };

/** Shorter than the time after which the embedded server ends an idle connection. */
const IDLE_MS = 10_000;

/** A pool of connections. Nothing is connected until the first statement. */
export function connect<T>(place: Place, limits: Limits, log: Log): Kysely<T> {
  const pool = new pg.Pool({
    ...address(place),
    ...serverLimits(place, limits),
    application_name: "modeltier",
    max: limits.connections,
    connectionTimeoutMillis: limits.acquireMs,
    query_timeout: limits.replyMs,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    types: { getTypeParser },
  });
  pool.on("error", (error) => log.warn("An idle database connection broke", failureFields(error)));
  return new Kysely<T>({ dialect: new PostgresDialect({ pool: discardingPool(pool) }) });
}

/** Every value the environment could fill in is given for the socket: PGSSLMODE and its kin are about another server. */
function address(place: Place): pg.PoolConfig {
  if ("url" in place) return { connectionString: place.url };
  return {
    host: place.socketFolder,
    port: 5432,
    user: "postgres",
    database: "postgres",
    password: "",
    ssl: false,
  };
}

/** The embedded engine has one session for all and no timers, so the limits of a connection mean nothing to it. */
function serverLimits(place: Place, { server }: Limits): pg.PoolConfig {
  if ("socketFolder" in place || !server) return {};
  return {
    statement_timeout: server.statementMs,
    lock_timeout: server.lockMs,
    idle_in_transaction_session_timeout: server.idleTransactionMs,
  };
}

/** bigint as a bigint and numeric as its digits, on this pool only: the driver's own table is shared by the process. */
const EXACT: Readonly<Record<number, (text: string) => unknown>> = {
  [pg.types.builtins.INT8]: BigInt,
  [pg.types.builtins.NUMERIC]: String,
};
const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: "text" | "binary") =>
  (format === "binary" ? undefined : EXACT[oid]) ?? pg.types.getTypeParser(oid, format as "text");

/** The pool as Kysely sees it. */
function discardingPool(pool: pg.Pool): PostgresPool {
  return {
    options: pool.options,
    connect: async () => new DiscardableClient(await pool.connect()),
    end: () => pool.end(),
  };
}

/**
 * A borrowed connection that is destroyed, not returned, once anything but an answer of the server has come of it:
 * after a timeout the reply to the old statement may still arrive, and would be taken for the reply to the next. So is one
 * to a server that only reads: the primary is elsewhere by now.
 */
class DiscardableClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  #broken: Error | undefined;

  constructor(client: pg.PoolClient) {
    this.#client = client;
    client.on("error", this.#onError);
  }

  /** A connection cut between two statements of a transaction says so as an event, which unheard ends the process. */
  readonly #onError = (error: Error): void => {
    this.#broken ??= error;
  };

  query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    text: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof text !== "string") throw new TypeError("This pool has no cursors");
    return this.#run(text, parameters);
  }

  async #run<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    if (this.#broken) throw this.#broken;
    try {
      return (await this.#client.query(text, [...parameters])) as unknown as PostgresQueryResult<R>;
    } catch (error) {
      if (error instanceof Error && (!isServerAnswer(error) || isReadOnly(error))) this.#broken ??= error;
      throw error;
    }
  }

  release(destroy = false): void {
    this.#client.off("error", this.#onError);
    this.#client.release(destroy || this.#broken !== undefined);
  }
}
