/** Counts how an HTTP/2 answer leaves a server: a proxy on the raw connection that follows its frames. */
import { once } from "node:events";
import { connect, createServer } from "node:net";

export type FrameCount = Readonly<{
  /** DATA frames that carry something. */
  dataFrames: number;
  /** Chunks of bytes in which they arrived; those that the server wrote at once arrive at once. */
  writes: number;
}>;

const HEADER_BYTES = 9;
const DATA = 0;

/** Follows frames through chunks that end anywhere. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  /** @returns the DATA frames that end in this chunk, empty ones left out */
  read(chunk: Buffer): number {
    this.#held = Buffer.concat([this.#held, chunk]);
    let dataFrames = 0;
    while (this.#held.length >= HEADER_BYTES) {
      const length = this.#held.readUIntBE(0, 3);
      if (this.#held.length < HEADER_BYTES + length) break;
      if (this.#held[3] === DATA && length > 0) dataFrames += 1;
      this.#held = this.#held.subarray(HEADER_BYTES + length);
    }
    return dataFrames;
  }
}

export type FrameCounter = Readonly<{
  /** "http://127.0.0.1:1234": the server, through the counter. */
  url: string;
  /** What has passed since the last time this was asked. */
  take(): FrameCount;
  close(): void;
}>;

export async function startFrameCounter(target: string): Promise<FrameCounter> {
  const { hostname, port } = new URL(target);
  let count = { dataFrames: 0, writes: 0 };
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const frames = new FrameReader();
    client.pipe(upstream);
    upstream.on("data", (chunk: Buffer) => {
      const dataFrames = frames.read(chunk);
      count = { dataFrames: count.dataFrames + dataFrames, writes: count.writes + (dataFrames > 0 ? 1 : 0) };
      client.write(chunk);
    });
    for (const socket of [client, upstream]) {
      socket.setNoDelay();
      socket.on("error", () => undefined);
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    take: () => {
      const taken = count;
      count = { dataFrames: 0, writes: 0 };
      return taken;
    },
    close: () => server.close(),
  };
}
