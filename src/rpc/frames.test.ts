import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type CompleteResponse, CompleteResponseSchema } from "../../gen/modeltier/v1/completion_pb.js";
import { framesOf } from "./frames.ts";

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 3_000 }) },
);
const textDelta = fc
  .record({ text, refusal: fc.boolean() })
  .map((value) => create(CompleteResponseSchema, { event: { case: "textDelta", value } }));
const otherEvent = fc.oneof(
  fc
    .string()
    .map((text) => create(CompleteResponseSchema, { event: { case: "reasoningDelta", value: { text } } })),
  fc.nat().map((attempt) => create(CompleteResponseSchema, { event: { case: "reset", value: { attempt } } })),
  fc.constant(create(CompleteResponseSchema)),
);

/** What grpc-js does with a serialized message. */
function sent(messages: readonly CompleteResponse[]): Buffer {
  const frames = framesOf(CompleteResponseSchema, messages);
  const output = Buffer.alloc(frames.byteLength + 5, 0xff);
  output.writeUInt8(0, 0);
  output.writeUInt32BE(frames.byteLength, 1);
  frames.copy(output, 5);
  return output;
}

const framed = (message: CompleteResponse): Buffer => {
  const bytes = toBinary(CompleteResponseSchema, message);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

it("puts any messages on the wire as the protobuf library would, each with its own head", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(textDelta, otherEvent), { minLength: 1, maxLength: 150 }), (messages) => {
      expect(sent(messages).equals(Buffer.concat(messages.map(framed)))).toBe(true);
    }),
  );
});

it("keeps what a newer contract added to a piece of text", () => {
  const $unknown = [{ no: 15, wireType: 0, data: new Uint8Array([7]) }];
  const message = create(CompleteResponseSchema, { event: { case: "textDelta", value: { text: "hi" } } });
  message.$unknown = $unknown;
  expect(sent([message]).equals(framed(message))).toBe(true);
});
