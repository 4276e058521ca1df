/** Places a provider's address can lead to that are no provider. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { startProcess } from "../../support/process.ts";
import { holdsWithin } from "./rig.ts";

export type Upstream = Readonly<{ port: number; close(): Promise<void> }>;

export const CERTIFICATES = new URL("../../fixtures/tls/", import.meta.url);
export const AUTHORITY = new URL("authority.cert.pem", CERTIFICATES);
export type CertificateName = "good" | "expired" | "wrong-host" | "self-signed";

/** TLS with one of the certificates of the fixtures, before a server that speaks none. */
export async function startTls(name: CertificateName, targetPort: number): Promise<Upstream> {
  const sockets = new Set<Socket>();
  const server = createTlsServer(
    {
      key: readFileSync(new URL(`${name}.key.pem`, CERTIFICATES)),
      cert: readFileSync(new URL(`${name}.cert.pem`, CERTIFICATES)),
    },
    (client) => {
      const target = connect(targetPort, "127.0.0.1");
      client.pipe(target).pipe(client);
      for (const socket of [client, target]) {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.once("close", () => {
          client.destroy();
          target.destroy();
        });
      }
    },
  );
  server.on("tlsClientError", () => {});
  return listen(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

/** A port that nobody listens on. */
export async function findClosedPort(): Promise<number> {
  const { port, close } = await listen(createServer(), () => {});
  await close();
  return port;
}

async function listen(server: Server, breakOff: () => void): Promise<Upstream> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      breakOff();
      await closed;
    },
  };
}

const QUEUE_FILLERS = 8;

/** Takes no connection: its queue is full, and the kernel drops what comes on top. */
export async function startFullBacklog(): Promise<Upstream> {
  const listener = await startProcess(new URL("./full-backlog.ts", import.meta.url));
  const port = Number(listener.firstLine);
  const fillers = Array.from({ length: QUEUE_FILLERS }, () => connect(port, "127.0.0.1"));
  for (const filler of fillers) filler.on("error", () => {});
  // The queue holds two; the others wait, and show by that that it is full.
  await holdsWithin(2_000, () => fillers.filter(({ connecting }) => !connecting).length >= 2);
  return {
    port,
    async close() {
      for (const filler of fillers) filler.destroy();
      await listener.kill();
    },
  };
}
