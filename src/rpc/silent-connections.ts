/** Connections to the gRPC listener whose other end does not speak HTTP/2, or not at all. */
import type { Http2Server } from "node:http2";
import type { Socket } from "node:net";
import { LIMITS } from "./limits.ts";

type End = Readonly<{ remoteAddress?: string; remotePort?: number }>;
/** A session shows another socket than was accepted, with TLS in any case; the other end is the same. */
const nameOf = ({ remoteAddress, remotePort }: End): string => `${remoteAddress} ${remotePort}`;

export class SilentConnections {
  readonly #silent = new Map<string, Socket>();

  /** Ends them when they have had their time; grpc-js would ping them first and wait for that. */
  watch(server: Http2Server): void {
    server.on("connection", (socket: Socket) => {
      const name = nameOf(socket);
      this.#silent.set(name, socket);
      socket.once("close", () => {
        if (this.#silent.get(name) === socket) this.#silent.delete(name);
      });
    });
    server.on("session", (session) => {
      const name = nameOf(session.socket);
      const timer = setTimeout(() => session.destroy(), LIMITS.firstWordMs).unref();
      const keep = () => clearTimeout(timer);
      session.once("close", keep).once("remoteSettings", () => {
        keep();
        this.#silent.delete(name);
      });
    });
  }

  /** The service stops: those that there are have little time left. grpc-js would wait for them as if they had calls. */
  hurry(): void {
    setTimeout(() => {
      for (const socket of this.#silent.values()) socket.destroy();
    }, LIMITS.lastWordMs).unref();
  }
}
