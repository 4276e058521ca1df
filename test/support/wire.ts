/**
 * Messages of the Postgres protocol 3.0, for clients that stop half-way.
 * @see https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { on } from "node:events";
import type { Socket } from "node:net";

/** The start of a connection. A well-formed one has NUL after every name and value, and one at the end. */
export function startup(parameters: string): Buffer {
  const packet = Buffer.alloc(8 + parameters.length);
  packet.writeInt32BE(packet.length, 0);
  packet.writeInt32BE(196_608, 4);
  packet.write(parameters, 8, "latin1");
  return packet;
}

/** Parse, Bind and Execute: what a driver sends for a statement, but for the Sync. */
export const execute = (text: string): readonly Buffer[] => [
  message("P", `\0${text}\0\0\0`),
  message("B", "\0".repeat(8)),
  message("E", "\0".repeat(5)),
];

/** Ends a statement, and outside a transaction commits it. */
export const SYNC = message("S", "");

function message(type: string, body: string): Buffer {
  const packet = Buffer.alloc(5 + body.length);
  packet.write(type, 0);
  packet.writeInt32BE(4 + body.length, 1);
  packet.write(body, 5, "latin1");
  return packet;
}

/** Resolves once the text stands in what the server sent. */
export async function answered(socket: Socket, text: string): Promise<void> {
  let received = "";
  for await (const [chunk] of on(socket, "data")) {
    received += chunk.toString("latin1");
    if (received.includes(text)) return;
  }
}
