/** HTTP/2: what a real client sent, with frames struck, repeated, swapped, made up and lied about, at both ports. */
import fc from "fast-check";
import { FLAG, FRAME, frame, uint32 } from "../../support/raw-http2.ts";
import { at, flipAt, position } from "../bytes.ts";
import { Outcomes, type Part } from "../part.ts";
import type { Target } from "../target.ts";
import { type Reply, send } from "../wire.ts";

/** Frames in hexadecimal, and the port they go to. Many connections at once are one input. */
type Conversation = Readonly<{ door: "gRPC" | "HTTP"; frames: readonly string[] }>;
type Frames = readonly Buffer[];
type Mutation = (frames: Frames) => Frames;

/** A recorded client, as many frames as that again, and those that mutations add. */
const MOST_CONNECTIONS = 80;
const USUAL_FRAMES = 28;
const ADDED = { minLength: 8, maxLength: 20, size: "max" } as const;
const SILENCE_MS = 100;
/** A PING after all else: whoever answers it has heard the whole conversation. */
const MARK = Buffer.from("fuzzmark", "latin1");

const streamId = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 30 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffffffff }) },
);
const byte = fc.integer({ min: 0, max: 255 });
const payload = fc
  .oneof(
    fc.constantFrom(0, 1, 4, 5, 6, 8, 12, 36).map((length) => new Uint8Array(length)),
    fc.uint8Array({ maxLength: 64 }),
  )
  .map((bytes) => Buffer.from(bytes));

/** Any type, any flags, any stream. */
const anyFrame = fc
  .tuple(fc.oneof(fc.integer({ min: 0, max: 10 }), byte), byte, streamId, payload)
  .map(([type, flags, id, bytes]) => frame(type, flags, id, bytes));

/** What may come at any time and changes nothing, so that a conversation goes on to where it is struck. */
const harmless = fc.oneof(
  fc.constant(frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
  fc.integer({ min: 0, max: 14 }).map((id) => frame(FRAME.priority, 0, id * 2 + 1, Buffer.alloc(5))),
  fc.integer({ min: 1, max: 65_535 }).map((more) => frame(FRAME.windowUpdate, 0, 0, uint32(more))),
  fc.constant(frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0]))),
  fc.integer({ min: 11, max: 255 }).map((type) => frame(type, 0, 0, Buffer.alloc(3))),
);

/** One frame made another. */
const strike =
  (millionths: number, change: (one: Buffer) => Buffer): Mutation =>
  (frames) =>
    frames.with(at(frames.length, millionths), change(frames[at(frames.length, millionths)] as Buffer));

const put =
  (millionths: number, one: (frames: Frames) => Buffer): Mutation =>
  (frames) =>
    frames.toSpliced(at(frames.length, millionths), 0, one(frames));

const pick = (frames: Frames, millionths: number): Buffer => frames[at(frames.length, millionths)] as Buffer;

/** The head's type, flags or stream is another. */
function restamp(one: Buffer, field: "type" | "flags" | "stream", value: number): Buffer {
  const changed = Buffer.from(one);
  if (changed.length < 9) return changed;
  if (field === "stream") changed.writeUInt32BE(value, 5);
  else changed[field === "type" ? 3 : 4] = value & 0xff;
  return changed;
}

function claimLength(one: Buffer, length: number): Buffer {
  const lying = Buffer.from(one);
  if (lying.length >= 9) lying.writeUIntBE(length, 0, 3);
  return lying;
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc
    .tuple(position, position, fc.integer({ min: 1, max: 255 }))
    .map(([which, where, bits]) => strike(which, (one) => flipAt(one, at(one.length, where), bits))),
  fc
    .tuple(position, position)
    .map(([which, where]) => strike(which, (one) => one.subarray(0, at(one.length, where)))),
  fc
    .tuple(position, fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffffff })))
    .map(([which, length]) => strike(which, (one) => claimLength(one, length))),
  fc
    .tuple(position, fc.constantFrom("type" as const, "flags" as const, "stream" as const), streamId)
    .map(([which, field, value]) => strike(which, (one) => restamp(one, field, value))),
  fc.tuple(position, anyFrame).map(([where, one]) => put(where, () => one)),
  fc.tuple(position, position).map(([where, which]) => put(where, (frames) => pick(frames, which))),
  fc.tuple(position, position).map(
    ([one, other]): Mutation =>
      (frames) =>
        frames
          .with(at(frames.length, one), pick(frames, other))
          .with(at(frames.length, other), pick(frames, one)),
  ),
  position.map(
    (which): Mutation =>
      (frames) =>
        frames.length > 1 ? frames.toSpliced(at(frames.length, which), 1) : frames,
  ),
);

const conversationOf = (recorded: Frames): fc.Arbitrary<Conversation> =>
  fc
    .tuple(
      fc.integer({ min: 0, max: 9 }),
      fc.array(fc.tuple(position, harmless), ADDED),
      fc.array(mutation, { maxLength: 4, size: "max" }),
    )
    .map(([door, added, mutations]) => {
      const [preface, ...rest] = recorded as readonly [Buffer, ...Buffer[]];
      const longer = added.reduce<Frames>((frames, [where, one]) => put(where, () => one)(frames), rest);
      const spoilt = mutations.reduce<Frames>((frames, mutate) => mutate(frames), [preface, ...longer]);
      return {
        door: door === 0 ? "HTTP" : "gRPC",
        frames: spoilt.map((one) => one.toString("hex")),
      };
    });

/** @param recorded what a real client sent: the preface and its frames */
export function framesPart(target: Target, recorded: Frames): Part<readonly Conversation[]> {
  const outcomes = new Outcomes();
  return {
    name: "frames",
    unit: "frames",
    inputs: fc.array(conversationOf(recorded), { minLength: 1, maxLength: MOST_CONNECTIONS, size: "max" }),
    usualSize: (USUAL_FRAMES * MOST_CONNECTIONS) / 2,
    sizeOf: (conversations) => conversations.reduce((sum, { frames }) => sum + frames.length, 0),
    outcomes,
    async check(conversations) {
      const { grpcAddress, httpUrl } = await target.service();
      const addresses = { gRPC: grpcAddress, HTTP: new URL(httpUrl).host };
      const replies = await Promise.all(
        conversations.map(({ door, frames }) => talk(addresses[door], frames)),
      );
      replies.forEach(({ ending }, index) => {
        outcomes.count(`${conversations[index]?.door} ${ending}`);
      });
      await target.checkWell();
    },
  };
}

const talk = (address: string, frames: readonly string[]): Promise<Reply> =>
  send(
    address,
    Buffer.concat([...frames.map((hex) => Buffer.from(hex, "hex")), frame(FRAME.ping, 0, 0, MARK)]),
    {
      silenceMs: SILENCE_MS,
      isAnswered: (received) =>
        received.includes(Buffer.concat([Buffer.from([FRAME.ping, FLAG.ack, 0, 0, 0, 0]), MARK])),
    },
  );
