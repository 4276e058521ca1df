/** A Unix socket before a database's own, that breaks as told. Speaks no protocol: it only looks for "commit". */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOCKET_NAME = ".s.PGSQL.5432";

export type DatabaseProxy = Readonly<{
  /** Folder of the proxy's socket; use it in place of the database's. */
  socketFolder: string;
  /** Cuts every connection and refuses new ones. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  /** From now on nothing gets through on any connection there is; new ones work. */
  fallSilent(): void;
  /** Lets the next commit through to the database and cuts the connection before its reply. */
  cutAfterNextCommit(): void;
  /** Connections that clients hold at this moment. */
  connections(): number;
  close(): Promise<void>;
}>;

type Link = { client: Socket; database: Socket; silent: boolean; cutAtReply: boolean };

export async function startDatabaseProxy(databaseFolder: string): Promise<DatabaseProxy> {
  const socketFolder = mkdtempSync(join(tmpdir(), "modeltier-proxy-"));
  const links = new Set<Link>();
  let cutNextCommit = false;
  let server: Server | undefined;

  function accept(client: Socket): void {
    const link: Link = {
      client,
      database: connect(join(databaseFolder, SOCKET_NAME)),
      silent: false,
      cutAtReply: false,
    };
    links.add(link);
    client.on("data", (data) => toDatabase(link, data));
    link.database.on("data", (data) => toClient(link, data));
    for (const socket of [client, link.database]) {
      socket.on("error", () => undefined);
      socket.on("close", () => cut(link));
    }
  }

  function toDatabase(link: Link, data: Buffer): void {
    if (cutNextCommit && data.includes("commit")) {
      cutNextCommit = false;
      link.cutAtReply = true;
    }
    if (!link.silent) link.database.write(data);
  }

  function toClient(link: Link, data: Buffer): void {
    if (link.cutAtReply) cut(link);
    else if (!link.silent) link.client.write(data);
  }

  function cut(link: Link): void {
    links.delete(link);
    link.client.destroy();
    link.database.destroy();
  }

  async function comeBack(): Promise<void> {
    server = createServer(accept).listen(join(socketFolder, SOCKET_NAME));
    await once(server, "listening");
  }

  async function goDown(): Promise<void> {
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    server = undefined;
    for (const link of links) cut(link);
    await closed;
  }

  await comeBack();
  return {
    socketFolder,
    goDown,
    comeBack,
    fallSilent() {
      for (const link of links) link.silent = true;
    },
    cutAfterNextCommit() {
      cutNextCommit = true;
    },
    connections: () => links.size,
    async close() {
      await goDown();
      rmSync(socketFolder, { recursive: true, force: true });
    },
  };
}
