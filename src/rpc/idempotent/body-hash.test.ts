import {
  create,
  fromBinary,
  fromJson,
  type JsonObject,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CompleteRequestSchema, Role } from "../../../gen/modeltier/v1/completion_pb.js";
import { bodyHash } from "./body-hash.ts";

const parameters: JsonObject = {
  type: "object",
  properties: { b: { type: "string" }, a: { type: "number" } },
};
const reordered: JsonObject = {
  properties: { a: { type: "number" }, b: { type: "string" } },
  type: "object",
};

type Init = Exclude<MessageInitShape<typeof CompleteRequestSchema>, { $typeName: string }>;

const init: Init = {
  routing: { case: "route", value: { agentId: "a", step: { fieldMapping: { x: "1", y: "2" } } } },
  messages: [
    { role: Role.USER, parts: [{ content: { case: "text", value: "hello" } }] },
    {
      role: Role.USER,
      parts: [
        { content: { case: "image", value: { source: { case: "data", value: new Uint8Array([1, 2]) } } } },
      ],
    },
  ],
  tools: [{ name: "look_up", parameters }],
  sampling: { seed: 7n, temperature: 0 },
  labels: { team: "blue", stage: "test" },
};
const hashOf = (parts: Init = {}): string =>
  Buffer.from(bodyHash(create(CompleteRequestSchema, { ...init, ...parts }))).toString("hex");

describe("the hash of a body", () => {
  it("is the same however maps and schemas were ordered", () => {
    const routing = {
      case: "route" as const,
      value: { agentId: "a", step: { fieldMapping: { y: "2", x: "1" } } },
    };
    const tools = [{ name: "look_up", parameters: reordered }];
    expect(hashOf({ routing, tools, labels: { stage: "test", team: "blue" } })).toBe(hashOf());
  });

  it("is the same over JSON and over the wire", () => {
    const overTheWire = fromBinary(
      CompleteRequestSchema,
      toBinary(CompleteRequestSchema, create(CompleteRequestSchema, { messages: init.messages })),
    );
    const overJson = fromJson(CompleteRequestSchema, {
      messages: [
        { role: "ROLE_USER", parts: [{ text: "hello" }] },
        { role: "ROLE_USER", parts: [{ image: { data: "AQI=" } }] },
      ],
    });
    expect(bodyHash(overJson)).toEqual(bodyHash(overTheWire));
  });

  it.each<[string, Init]>([
    ["a label", { labels: { team: "blue", stage: "live" } }],
    ["the order of messages", { messages: init.messages?.toReversed() ?? [] }],
    ["the seed", { sampling: { seed: 8n, temperature: 0 } }],
    ["a temperature that is absent, not 0", { sampling: { seed: 7n } }],
    ["a tool's schema", { tools: [{ name: "look_up", parameters: { ...parameters, required: ["a"] } }] }],
    [
      "what the model thought",
      {
        messages: [
          { parts: [{ content: { case: "reasoning", value: { text: "Hm" } } }] },
          ...(init.messages ?? []),
        ],
      },
    ],
    ["acceptance of a restart", { acceptRestart: true }],
  ])("differs with %s", (_, parts) => {
    expect(hashOf(parts)).not.toBe(hashOf());
  });
});
