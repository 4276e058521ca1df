/** Connections of the HTTP listener: on which of them a call is under way, which is all that a stop waits for. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "./limits.ts";

/** Clients that keep a connection and ask again and again, as a browser does, are let go between two of their questions. */
const SWEEP_MS = 50;

export class Connections {
  readonly #open = new Set<Socket>();
  /** Those with an answer that has not left, and the newest on it. */
  readonly #busy = new Map<Socket, ServerResponse>();
  readonly #end: (this: ServerResponse) => void;

  constructor() {
    const busy = this.#busy;
    // One for all calls. An answer to an earlier question of the same connection changes nothing.
    this.#end = function () {
      if (busy.get(this.req.socket) === this) busy.delete(this.req.socket);
    };
  }

  watch(server: Server): void {
    const add = (socket: Socket) => {
      this.#open.add(socket);
      socket.once("close", () => {
        this.#open.delete(socket);
        this.#busy.delete(socket); // an answer that was to follow another has no end of its own
      });
    };
    // The second is what TLS makes of the first.
    server.on("connection", add).on("secureConnection", add);
  }

  /** A call has begun. */
  begin({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#busy.set(socket, response);
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
    while (this.#busy.size > 0 || (this.#open.size > 0 && performance.now() < heardMs)) {
      server.closeIdleConnections();
      this.#endStalled(uploads);
      await sleep(SWEEP_MS);
    }
    for (const socket of this.#open) socket.destroy();
  }

  /** Ends those whose request stopped half way: nothing can be answered yet, and maybe never. */
  #endStalled(uploads: Map<Socket, Upload>): void {
    const nowMs = performance.now();
    for (const [socket, { req, headersSent }] of this.#busy) {
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
