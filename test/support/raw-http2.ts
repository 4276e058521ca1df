/**
 * HTTP/2 frame by frame, for clients that do not keep to it. Header blocks are written literally, without tables or Huffman codes, and
 * those that come back are not read: what such a client is told is in the types and codes of frames.
 * @see https://www.rfc-editor.org/rfc/rfc9113 frames and error codes
 * @see https://www.rfc-editor.org/rfc/rfc7541 section 6.2.2, literal header fields
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { ack: 1, endStream: 1, endHeaders: 4 } as const;
export const ERROR_CODE = { cancel: 8, refusedStream: 7, flowControl: 3 } as const;

export type Frame = Readonly<{ type: number; flags: number; streamId: number; payload: Buffer }>;

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const HEAD_BYTES = 9;

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

/** SETTINGS with these values, by identifier. */
export const settings = (values: Readonly<Record<number, number>> = {}): Buffer =>
  frame(
    FRAME.settings,
    0,
    0,
    Buffer.concat(
      Object.entries(values).map(([id, value]) =>
        Buffer.concat([Buffer.from([0, Number(id)]), uint32(value)]),
      ),
    ),
  );

/** A header block of literal fields. */
export const headerBlock = (fields: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [
      Buffer.from([0]),
      ...[name, value].flatMap((text) => [lengthOf(text), Buffer.from(text, "latin1")]),
    ]),
  );

/** A length in the seven bits after the Huffman flag, and on in sevens. */
function lengthOf(text: string): Buffer {
  if (text.length < 127) return Buffer.from([text.length]);
  const bytes = [127];
  for (let rest = text.length - 127; ; rest >>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** The head of a gRPC call. */
export const grpcHeaders = (
  streamId: number,
  path: string,
  more: Readonly<Record<string, string>> = {},
): Buffer =>
  frame(
    FRAME.headers,
    FLAG.endHeaders,
    streamId,
    headerBlock({
      ":method": "POST",
      ":scheme": "http",
      ":path": path,
      ":authority": "127.0.0.1",
      "content-type": "application/grpc",
      te: "trailers",
      ...more,
    }),
  );

/** A gRPC message in a DATA frame that ends the stream. */
export const grpcMessage = (streamId: number, message: Uint8Array, flags: number = FLAG.endStream): Buffer =>
  frame(FRAME.data, flags, streamId, Buffer.concat([Buffer.from([0]), uint32(message.length), message]));

export class RawHttp2 {
  readonly #socket: Socket;
  readonly frames: Frame[] = [];
  /** Whether a PING is answered, as it should be. */
  answersPings = true;
  readonly #waiting = new Set<() => void>();
  #unread = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => this.#read(data));
    socket.on("error", () => {}); // a peer that hangs up is what some tests are about
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Connected, with our settings sent and those of the server acknowledged. @param address "127.0.0.1:50051" */
  static async open(address: string, values: Readonly<Record<number, number>> = {}): Promise<RawHttp2> {
    const { hostname, port } = new URL(`http://${address}`);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const raw = new RawHttp2(socket);
    raw.send(PREFACE, settings(values));
    await raw.until(() => raw.frames.some(({ type, flags }) => type === FRAME.settings && flags === 0));
    raw.send(frame(FRAME.settings, FLAG.ack, 0));
    return raw;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The error code of the GOAWAY that came; undefined when none came. */
  get goaway(): number | undefined {
    return this.frames.find(({ type }) => type === FRAME.goaway)?.payload.readUInt32BE(4);
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.#isClosed) this.#socket.write(Buffer.concat(frames));
  }

  /** Sends, and waits until the kernel has taken it or the server has hung up. */
  async flush(...frames: readonly Buffer[]): Promise<void> {
    this.send(...frames);
    await this.until(() => this.#isClosed || this.#socket.writableLength === 0);
  }

  /** Takes nothing more from the connection. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Resolves when the condition holds; looked at whenever something came or was sent. */
  async until(condition: () => boolean): Promise<void> {
    this.#socket.on("drain", this.#wake);
    while (!condition()) {
      if (this.#isClosed) throw new Error("the server has closed the connection");
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
    this.#socket.off("drain", this.#wake);
  }

  async closed(): Promise<void> {
    while (!this.#isClosed) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  readonly #wake = (): void => {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  };

  #read(data: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, data]);
    while (this.#unread.length >= HEAD_BYTES) {
      const length = HEAD_BYTES + this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < length) break;
      this.frames.push({
        type: this.#unread.readUInt8(3),
        flags: this.#unread.readUInt8(4),
        streamId: this.#unread.readUInt32BE(5),
        payload: this.#unread.subarray(HEAD_BYTES, length),
      });
      this.#unread = this.#unread.subarray(length);
      this.#answer(this.frames.at(-1) as Frame);
    }
    this.#wake();
  }

  #answer({ type, flags, payload }: Frame): void {
    if (type === FRAME.ping && flags === 0 && this.answersPings)
      this.send(frame(FRAME.ping, FLAG.ack, 0, payload));
  }
}
