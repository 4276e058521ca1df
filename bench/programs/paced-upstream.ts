/**
 * The bench's own upstream, for what a static file server cannot do: answers that come piece by piece, late, or never.
 * HTTP/1.1 straight on sockets, because node:http would be the bottleneck: it reads a head and a body of known length, and
 * writes frames made in advance. One request at a time on a connection, as every client here sends them.
 */
import { createServer, type Socket } from "node:net";
import { inBursts, LONG_TOKENS, SHORT_TOKENS, streamedEvents, wholeAnswer } from "../lib/answers.ts";

/** Between the writes of one answer, in ms. */
const EVENT_GAP_MS = 2;
const BURST_GAP_MS = 10;
/** How late the late answers are, in ms. */
const LATE_MS = 50;

const END = "0\r\n\r\n";
const frame = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const whole = (text: string, type = "application/json"): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );

const long = streamedEvents(LONG_TOKENS);
const short = streamedEvents(SHORT_TOKENS);
const [firstEvent = "", ...otherEvents] = short;

type Answer = Readonly<{
  /** Before the first write, in ms. */
  lateMs: number;
  writes: readonly Buffer[];
  gapMs: number;
}>;

const inOneGo = (body: Buffer, lateMs = 0): Answer => ({ lateMs, writes: [body], gapMs: 0 });
const paced = (pieces: readonly string[], gapMs: number, lateMs = 0): Answer => ({
  lateMs,
  gapMs,
  writes: pieces.map((piece, index) =>
    Buffer.from((index === 0 ? STREAM_HEAD : "") + frame(piece) + (index === pieces.length - 1 ? END : "")),
  ),
});
const stream = (events: readonly string[]): Buffer => whole(events.join(""), "text/event-stream");

/** By the first part of the path; the second of a pair is for requests that ask for a stream. */
const ANSWERS: Readonly<Record<string, readonly [Answer, Answer]>> = {
  whole: [inOneGo(whole(wholeAnswer(SHORT_TOKENS))), inOneGo(stream(short))],
  short: [inOneGo(stream(short)), inOneGo(stream(short))],
  long: [inOneGo(stream(long)), inOneGo(stream(long))],
  events: [paced(long, EVENT_GAP_MS), paced(long, EVENT_GAP_MS)],
  bursts: [paced(inBursts(long), BURST_GAP_MS), paced(inBursts(long), BURST_GAP_MS)],
  late: [inOneGo(whole(wholeAnswer(SHORT_TOKENS)), LATE_MS), inOneGo(stream(short), LATE_MS)],
  "late-token": [
    paced([firstEvent, otherEvents.join("")], BURST_GAP_MS, LATE_MS),
    paced([firstEvent, otherEvents.join("")], BURST_GAP_MS, LATE_MS),
  ],
};

const asksForStream = (body: Buffer): boolean =>
  body.includes('"stream":true') || body.includes('"stream": true');

type Writer = { socket: Socket; writes: readonly Buffer[]; next: number };
/** Answers under way, by the gap between their writes; one timer moves all of them on. */
const writers = new Map<number, Set<Writer>>();
let waitingForever = 0;

function give(socket: Socket, { lateMs, writes, gapMs }: Answer): void {
  const begin = () => {
    socket.write(writes[0] as Buffer);
    if (writes.length > 1) writers.get(gapMs)?.add({ socket, writes, next: 1 });
  };
  if (lateMs > 0) setTimeout(begin, lateMs);
  else begin();
}

for (const gapMs of [EVENT_GAP_MS, BURST_GAP_MS]) {
  const group = new Set<Writer>();
  writers.set(gapMs, group);
  setInterval(() => {
    for (const writer of group) {
      const { socket, writes } = writer;
      if (!socket.destroyed) socket.write(writes[writer.next] as Buffer);
      writer.next += 1;
      if (socket.destroyed || writer.next === writes.length) group.delete(writer);
    }
  }, gapMs);
}

function answer(socket: Socket, path: string, body: Buffer): void {
  const kind = path.split("/", 2)[1] ?? "";
  if (kind === "never") {
    waitingForever += 1;
    socket.once("close", () => {
      waitingForever -= 1;
    });
    socket.write(STREAM_HEAD);
  } else if (kind === "waiting") {
    socket.write(whole(String(waitingForever), "text/plain"));
  } else {
    const pair = ANSWERS[kind];
    if (pair === undefined) socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    else give(socket, pair[asksForStream(body) ? 1 : 0]);
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let held: Buffer = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const headEnd = held.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = held.toString("latin1", 0, headEnd);
    const length = Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const end = headEnd + 4 + length;
    if (held.length < end) return;
    const body = held.subarray(headEnd + 4, end);
    held = held.subarray(end);
    answer(socket, head.split(" ", 2)[1] ?? "", body);
  });
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 4_096 }, () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === "object" && address !== null ? address.port : 0}\n`);
});
