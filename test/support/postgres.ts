/** A real Postgres for tests: from an npm package, on a Unix socket, as root or not, leaving nothing behind. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";

export type TestPostgres = Readonly<{
  /** Of the database "postgres"; no password. */
  url: string;
  /** The folder of its socket, `.s.PGSQL.5432`. */
  socketFolder: string;
  /** Makes an empty database; gives its URL. */
  createDatabase(): Promise<string>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}>;

/** Starts a server of its own; takes one to three seconds. It ends with the process that started it at the latest. */
export async function startPostgres(): Promise<TestPostgres> {
  const guard = spawn(process.execPath, [fileURLToPath(new URL("./postgres-guard.ts", import.meta.url))], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(guard, "exit");
  const started = once(createInterface(guard.stdout), "line").then(([line]) => String(line));
  const socketFolder = await Promise.race([started, ended.then(() => undefined)]);
  if (socketFolder === undefined) throw new Error("Postgres did not start; the lines above say why");
  const url = urlOf(socketFolder, "postgres");
  await untilItAnswers(url);
  let databases = 0;
  return {
    url,
    socketFolder,
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      await execute(url, `create database ${name} strategy file_copy`);
      return urlOf(socketFolder, name);
    },
    async stop() {
      guard.stdin.end();
      await ended;
    },
  };
}

const urlOf = (socketFolder: string, database: string): string =>
  `postgresql://postgres@localhost/${database}?host=${encodeURIComponent(socketFolder)}`;

async function untilItAnswers(url: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await execute(url, "select 1");
    } catch (error) {
      if (tries === 500) throw error;
      await sleep(20);
    }
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
