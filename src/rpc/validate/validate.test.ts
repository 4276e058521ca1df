import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CompleteRequestSchema, Role } from "../../../gen/modeltier/v1/completion_pb.js";
import { type Condition, RouteRequestSchema, Tier } from "../../../gen/modeltier/v1/routing_pb.js";
import { validateComplete } from "./complete.ts";
import { validateRoute } from "./route.ts";
import { type FieldStyle, fieldName, InvalidRequestError } from "./violations.ts";

const fieldsOf = (run: () => void, style: FieldStyle = "proto"): readonly string[] => {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof InvalidRequestError)
      return error.violations.map(({ path }) => fieldName(path, style));
    throw error;
  }
};

const route = (init: MessageInitShape<typeof RouteRequestSchema>) => () =>
  validateRoute(create(RouteRequestSchema, init));
const RULES = { allowImageUrls: false };
const hello = { role: Role.USER, parts: [{ content: { case: "text" as const, value: "Say hello" } }] };
const complete =
  (init: MessageInitShape<typeof CompleteRequestSchema>, rules = RULES) =>
  () =>
    validateComplete(
      create(CompleteRequestSchema, { routing: { case: "route", value: {} }, messages: [hello], ...init }),
      rules,
    );

describe("a RouteRequest", () => {
  it("may be empty: every field has a meaning when it is left out", () => {
    expect(fieldsOf(route({}))).toEqual([]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -0.001, 10.001])("refuses the score %d by name", (score) => {
    expect(fieldsOf(route({ agentAis: { combinedScore: score } }))).toEqual(["agent_ais.combined_score"]);
  });

  it.each([0, 10])("takes the score %d at the edge", (score) => {
    expect(fieldsOf(route({ agentAis: { creationScore: score } }))).toEqual([]);
  });

  it("takes counts up to 2^53 - 1, beyond which a double is not exact", () => {
    expect(fieldsOf(route({ budgetRemaining: 2n ** 53n - 1n }))).toEqual([]);
    expect(fieldsOf(route({ budgetRemaining: 2n ** 53n }))).toEqual(["budget_remaining"]);
    expect(fieldsOf(route({ step: { inputDataBytes: -(2n ** 62n) } }))).toEqual(["step.input_data_bytes"]);
  });

  it("names fields the way its caller writes them, all of them at once", () => {
    const wrong = route({ agentAis: { executionScore: 11 }, budgetRemaining: -1n, previousFailures: -2 });
    expect(fieldsOf(wrong, "json")).toEqual([
      "budgetRemaining",
      "previousFailures",
      "agentAis.executionScore",
    ]);
    expect(fieldsOf(wrong, "proto")).toEqual([
      "budget_remaining",
      "previous_failures",
      "agent_ais.execution_score",
    ]);
  });

  it("refuses a tier below the minimum asked for, an unknown tier, and a model without its provider", () => {
    expect(fieldsOf(route({ constraints: { tier: Tier.FAST, minimumTier: Tier.BALANCED } }))).toEqual([
      "constraints.minimum_tier",
    ]);
    expect(fieldsOf(route({ constraints: { tier: 9 as Tier } }))).toEqual(["constraints.tier"]);
    expect(fieldsOf(route({ constraints: { model: "gpt-4o-mini" } }))).toEqual(["constraints.model"]);
  });

  it("refuses a condition nested beyond what anyone writes, without walking all of it", () => {
    const nested = (levels: number): MessageInitShape<typeof RouteRequestSchema>["step"] => {
      let condition: object = { kind: { case: "expression", value: "x" } };
      for (let level = 1; level < levels; level += 1)
        condition = { kind: { case: "negation", value: condition } };
      return { condition: condition as Condition };
    };
    expect(fieldsOf(route({ step: nested(64) }))).toEqual([]);
    expect(fieldsOf(route({ step: nested(65) }))).toEqual(["step.condition"]);
  });
});

describe("a CompleteRequest", () => {
  it("is complete with a route and one message", () => {
    expect(fieldsOf(complete({}))).toEqual([]);
  });

  it("needs a message, and ends with one that a model can answer", () => {
    expect(fieldsOf(complete({ messages: [] }))).toEqual(["messages"]);
    expect(fieldsOf(complete({ messages: [hello, { ...hello, role: Role.ASSISTANT }] }))).toEqual([
      "messages[1].role",
    ]);
  });

  it("names the part that is empty or stands in the wrong place", () => {
    const image = {
      content: {
        case: "image" as const,
        value: { source: { case: "data" as const, value: new Uint8Array([1]) }, mediaType: "image/png" },
      },
    };
    expect(fieldsOf(complete({ messages: [{ role: Role.USER, parts: [{}] }] }))).toEqual([
      "messages[0].parts[0]",
    ]);
    expect(fieldsOf(complete({ messages: [{ role: Role.SYSTEM, parts: [image] }, hello] }))).toEqual([
      "messages[0].parts[0]",
    ]);
    expect(fieldsOf(complete({ messages: [{ role: Role.USER, parts: [image] }] }))).toEqual([]);
  });

  it("takes reasoning back from the assistant alone, readable or encrypted but not both, and not without end", () => {
    const reasoned = (role: Role, value: { text?: string; signature?: string; encrypted?: string }) =>
      fieldsOf(
        complete({
          messages: [{ role, parts: [{ content: { case: "reasoning" as const, value } }] }, hello],
        }),
      );
    const { ASSISTANT, USER } = Role;
    for (const taken of [
      { text: "Hm" },
      { text: "Hm", signature: "s" },
      { signature: "s" },
      { encrypted: "e" },
    ]) {
      expect(reasoned(ASSISTANT, taken)).toEqual([]);
    }
    expect(reasoned(USER, { text: "Hm" })).toEqual(["messages[0].parts[0]"]);
    expect(reasoned(ASSISTANT, {})).toEqual(["messages[0].parts[0].reasoning"]);
    expect(reasoned(ASSISTANT, { text: "Hm", encrypted: "e" })).toEqual([
      "messages[0].parts[0].reasoning.encrypted",
    ]);
    expect(reasoned(ASSISTANT, { signature: "s".repeat(1_048_577) })).toEqual([
      "messages[0].parts[0].reasoning.signature",
    ]);
  });

  it("refuses an image by address unless the server allows it", () => {
    const image = {
      content: {
        case: "image" as const,
        value: { source: { case: "url" as const, value: "https://example.com/a.png" } },
      },
    };
    const messages = [{ role: Role.USER, parts: [image] }];
    expect(fieldsOf(complete({ messages }))).toEqual(["messages[0].parts[0].image.url"]);
    expect(fieldsOf(complete({ messages }, { allowImageUrls: true }))).toEqual([]);
  });

  it("refuses tools without a usable name, twice the same, and a choice of one that is not there", () => {
    const tools = [{ name: "look up" }, { name: "send" }, { name: "send" }];
    expect(fieldsOf(complete({ tools, toolChoice: { mode: 4, name: "other" } }))).toEqual([
      "tools[0].name",
      "tools[2].name",
      "tool_choice.name",
    ]);
  });

  it("refuses sampling outside its range", () => {
    const sampling = { temperature: 2.1, topP: 0, maxOutputTokens: 0, stop: ["", "a", "b", "c", "d"] };
    expect(fieldsOf(complete({ sampling }))).toEqual([
      "sampling.temperature",
      "sampling.top_p",
      "sampling.max_output_tokens",
      "sampling.stop",
      "sampling.stop[0]",
    ]);
  });

  it("may bring a decision token, with the sampling that Route did not decide", () => {
    const routing = { case: "decisionToken" as const, value: "t" };
    expect(fieldsOf(complete({ routing, sampling: { topP: 0.5, seed: 1n, stop: ["END"] } }))).toEqual([]);
    expect(fieldsOf(complete({ routing, sampling: { temperature: 0, maxOutputTokens: 9 } }))).toEqual([
      "sampling.temperature",
      "sampling.max_output_tokens",
    ]);
    expect(fieldsOf(complete({ routing: { case: undefined } }))).toEqual(["route"]);
  });

  it("refuses an idempotency key of more than 256 characters", () => {
    expect(fieldsOf(complete({ idempotencyKey: "k".repeat(256) }))).toEqual([]);
    expect(fieldsOf(complete({ idempotencyKey: "k".repeat(257) }))).toEqual(["idempotency_key"]);
  });
});
