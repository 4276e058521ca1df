/** A real HTTP server on the loopback that plays a provider. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach } from "vitest";
import { createTransport, type Transport, type TransportOptions } from "../../src/providers/transport.ts";

export type SeenRequest = Readonly<{
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  json: Record<string, unknown>;
}>;

export type LocalServer = Readonly<{
  url: string;
  port: number;
  seen: readonly SeenRequest[];
  sockets: readonly Socket[];
}>;

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** Starts a server that is gone after the test. `answer` is called once the request was read. */
export async function startServer(
  answer: (response: ServerResponse, request: SeenRequest) => void,
): Promise<LocalServer> {
  const seen: SeenRequest[] = [];
  const sockets: Socket[] = [];
  const server = createServer((message, response) => {
    const parts: Buffer[] = [];
    message.on("data", (part: Buffer) => parts.push(part));
    message.on("end", () => {
      const { method = "", url = "", headers } = message;
      const request = {
        method,
        path: url,
        headers,
        json: JSON.parse(Buffer.concat(parts).toString() || "{}"),
      };
      seen.push(request);
      answer(response, request);
    });
  });
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUps.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen, sockets };
}

/** Resolves when the server's side of its first connection is closed. */
export function closed({ sockets: [socket] }: LocalServer): Promise<void> {
  if (socket === undefined) throw new Error("nobody connected");
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

/** A transport that is closed after the test. */
export function openTransport(options?: TransportOptions): Transport {
  const transport = createTransport(options);
  cleanUps.push(() => transport.close());
  return transport;
}
