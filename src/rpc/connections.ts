/** Connections of the HTTP listener: on which of them a call is under way, which is all that a stop waits for. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "./limits.ts";

/** Clients that keep a connection and ask again and again, as a browser does, are let go between two of their questions. */
const SWEEP_MS = 50;

/** One open connection, and the newest answer on it that has not left. */
type Connection = { answer: ServerResponse | undefined };

export class Connections {
  /** Calls come and go in what is kept of a connection, not in the map: its tables would keep them (`README.md`). */
  readonly #open = new Map<Socket, Connection>();
  readonly #end: (this: ServerResponse) => void;

  constructor() {
    const open = this.#open;
    // One for all calls. An answer to an earlier question of the same connection changes nothing.
    this.#end = function () {
      const connection = open.get(this.req.socket);
      if (connection?.answer === this) connection.answer = undefined;
    };
  }

  watch(server: Server): void {
    const add = (socket: Socket) => {
      this.#open.set(socket, { answer: undefined });
      socket.once("close", () => this.#open.delete(socket));
    };
    // The second is what TLS makes of the first.
    server.on("connection", add).on("secureConnection", add);
  }

  /** A call has begun. */
  begin({ socket }: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.answer = response;
    response.on("close", this.#end);
  }

  /**
   * Takes no new connections, waits for the calls under way, and ends every connection. Node's own close would wait as well for those on
   * which none began, and for as long as they like: it no longer looks at how long they take.
   */
  async drain(server: Server): Promise<void> {
    server.close();
    const heardMs = performance.now() + LIMITS.lastWordMs;
    const uploads = new Map<Socket, Upload>();
    while (this.#isBusy() || (this.#open.size > 0 && performance.now() < heardMs)) {
      server.closeIdleConnections();
      this.#endStalled(uploads);
      await sleep(SWEEP_MS);
    }
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #isBusy(): boolean {
    for (const { answer } of this.#open.values()) if (answer !== undefined) return true;
    return false;
  }

  /** Ends those whose request stopped half way: nothing can be answered yet, and maybe never. */
  #endStalled(uploads: Map<Socket, Upload>): void {
    const nowMs = performance.now();
    for (const [socket, { answer }] of this.#open) {
      if (answer === undefined) continue;
      const { req, headersSent } = answer;
      const { bytesRead } = socket;
      const last = uploads.get(socket);
      if (req.complete || headersSent) uploads.delete(socket);
      else if (last?.bytesRead !== bytesRead) uploads.set(socket, { bytesRead, sinceMs: nowMs });
      else if (nowMs - last.sinceMs > LIMITS.lastWordMs) socket.destroy();
    }
  }
}

/** How far a request had come, and since when. */
type Upload = Readonly<{ bytesRead: number; sinceMs: number }>;
