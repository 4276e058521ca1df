/** Holds many gRPC streams open at once, a hundred to a connection, and reads nothing but what comes. */
import { type ClientHttp2Session, connect } from "node:http2";
import type { LoadRequest } from "./h2load.ts";

const STREAMS_PER_CONNECTION = 100;

export type IdleStreams = Readonly<{
  /** Streams that have ended although nobody ended them. */
  ended(): number;
  close(): void;
}>;

/** Resolves when every stream has had its response headers. @throws when a connection fails */
export async function openIdleStreams(
  { url, body, headers }: LoadRequest,
  count: number,
): Promise<IdleStreams> {
  const { origin, pathname } = new URL(url);
  const sessions: ClientHttp2Session[] = [];
  let ended = 0;
  for (let opened = 0; opened < count; opened += STREAMS_PER_CONNECTION) {
    const session = connect(origin);
    sessions.push(session);
    const failed = new Promise<never>((_, reject) => session.once("error", reject));
    const streams = Math.min(STREAMS_PER_CONNECTION, count - opened);
    const answered = Array.from({ length: streams }, () => {
      const stream = session.request({ ":method": "POST", ":path": pathname, ...headers });
      stream.on("error", () => undefined);
      stream.on("close", () => {
        ended += 1;
      });
      stream.resume().end(body);
      return new Promise((resolve) => stream.once("response", resolve));
    });
    await Promise.race([Promise.all(answered), failed]);
    session.on("error", () => undefined);
    failed.catch(() => undefined);
  }
  return {
    ended: () => ended,
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}
