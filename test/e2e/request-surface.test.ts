/** Everything an agent sends, asked of a model in each dialect: what is true of one has to be true of all. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CompleteOnceResponse,
  type CompleteRequestSchema,
  FinishReason,
  ResponseFormatKind,
  Role,
  ToolChoiceMode,
} from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { RejectionReason } from "../../gen/modeltier/v1/routing_pb.js";
import { type RunningService, startService } from "../support/service.ts";

type Request = MessageInitShape<typeof CompleteRequestSchema>;
type Answer = Pick<CompleteOnceResponse, "text" | "reasoning" | "refusal"> &
  Readonly<{
    toolCalls: readonly { id: string; name: string; argumentsJson: string }[];
    finishReason?: FinishReason;
    served: string;
  }>;

let service: RunningService;
beforeAll(async () => {
  service = await startService({ env: { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "100000" } });
});
afterAll(() => service.stop());

const router = () =>
  createClient(RouterService, createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }));

async function askWhole(request: Request): Promise<Answer> {
  const { text, reasoning, refusal, toolCalls, completed } = await router().completeOnce({ request });
  const served = `${completed?.provider}/${completed?.model}`;
  return { text, reasoning, refusal, toolCalls, finishReason: completed?.finishReason, served };
}

/** The same answer, put together from the events of a stream. */
async function askStreamed(request: Request): Promise<Answer> {
  const said = { text: "", reasoning: "", refusal: "" };
  const toolCalls: { id: string; name: string; argumentsJson: string }[] = [];
  let end: { finishReason?: FinishReason; served: string } = { served: "" };
  for await (const { event } of router().complete(request)) {
    if (event.case === "textDelta") said[event.value.refusal ? "refusal" : "text"] += event.value.text;
    if (event.case === "reasoningDelta") said.reasoning += event.value.text;
    if (event.case === "toolCallDelta") {
      const { index, id, name, argumentsJson } = event.value;
      const call = toolCalls[index] ?? { id: "", name: "", argumentsJson: "" };
      toolCalls[index] = {
        id: call.id || id,
        name: call.name || name,
        argumentsJson: call.argumentsJson + argumentsJson,
      };
    }
    if (event.case === "completed") {
      const { provider, model, finishReason } = event.value;
      end = { finishReason, served: `${provider}/${model}` };
    }
  }
  return { ...said, toolCalls, ...end };
}

const text = (value: string) => ({ content: { case: "text" as const, value } });
const user = (...parts: object[]) =>
  ({ role: Role.USER, parts }) as { role: Role; parts: ReturnType<typeof text>[] };
const of = (model: string, prompt: string, rest: Request = {}): Request => ({
  routing: { case: "route", value: { agentId: "surface", constraints: { model } } },
  messages: [user(text(prompt))],
  ...rest,
});

const WEATHER = {
  name: "get_weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const PNG = Uint8Array.from(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
    "base64",
  ),
);
const IMAGE = {
  content: {
    case: "image" as const,
    value: { source: { case: "data" as const, value: PNG }, mediaType: "image/png" },
  },
};
const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

describe.each([
  ["OpenAI", "openai/gpt-4o-mini"],
  ["Anthropic", "anthropic/claude-haiku-4-5-20251001"],
  ["Kimi", "kimi/kimi-k2-0905-preview"],
])("a model in %s's dialect", (_, model) => {
  describe.each([
    ["streamed", askStreamed],
    ["whole", askWhole],
  ] as const)("%s", (__, ask) => {
    it("calls the tool it is told to, with arguments that are JSON", async () => {
      const answer = await ask(
        of(model, "How is it in Oslo?", {
          tools: [WEATHER],
          toolChoice: { mode: ToolChoiceMode.NAMED, name: "get_weather" },
        }),
      );
      expect(answer).toMatchObject({ served: model, finishReason: FinishReason.TOOL_CALLS });
      expect(answer.toolCalls).toHaveLength(1);
      expect(answer.toolCalls[0]).toMatchObject({ name: "get_weather", id: expect.stringMatching(/./) });
      expect(JSON.parse(answer.toolCalls[0]?.argumentsJson ?? "")).toHaveProperty("city");
    });

    it("calls tools in parallel, each call with an id of its own", async () => {
      const answer = await ask(
        of(model, "get_weather for three cities [calls=3]", {
          tools: [WEATHER],
          toolChoice: { mode: ToolChoiceMode.REQUIRED },
        }),
      );
      expect(new Set(answer.toolCalls.map(({ id }) => id)).size).toBe(3);
      for (const call of answer.toolCalls) expect(() => JSON.parse(call.argumentsJson)).not.toThrow();
    });

    it("goes on from a tool's result", async () => {
      const call = { id: "call_1", name: "get_weather", argumentsJson: '{"city":"Oslo"}' };
      const answer = await ask(
        of(model, "", {
          tools: [WEATHER],
          messages: [
            user(text("How is it in Oslo?")),
            {
              role: Role.ASSISTANT,
              parts: [text("Let me look."), { content: { case: "toolCall", value: call } }],
            },
            {
              role: Role.TOOL,
              parts: [
                { content: { case: "toolResult", value: { toolCallId: "call_1", text: "4 °C, rain" } } },
              ],
            },
          ],
        }),
      );
      expect(answer).toMatchObject({ served: model, finishReason: FinishReason.STOP, toolCalls: [] });
      expect(answer.text).toMatch(/\S/);
    });

    it("stops before a stop sequence and at the output cap", async () => {
      const whole = await ask(of(model, "Talk [tokens=40] [seed=stop]"));
      const word = whole.text.split(" ")[10] ?? "";
      const stopped = await ask(of(model, "Talk [tokens=40] [seed=stop]", { sampling: { stop: [word] } }));
      expect(whole.text.startsWith(stopped.text)).toBe(true);
      expect(stopped.text).not.toContain(word);
      const cut = await ask(of(model, "Talk [tokens=40]", { sampling: { maxOutputTokens: 8 } }));
      expect(cut.finishReason).toBe(FinishReason.LENGTH);
    });

    it("says that it refuses, and is not routed around", async () => {
      const answer = await ask(of(model, "[refuse]"));
      expect(answer.served).toBe(model);
      expect(answer.refusal !== "" || answer.finishReason === FinishReason.CONTENT_FILTER).toBe(true);
    });

    it("answers in JSON that follows a schema, or is passed over for one that can", async () => {
      const answer = await ask(
        of(model, "Name a city", {
          responseFormat: {
            kind: ResponseFormatKind.JSON_SCHEMA,
            jsonSchema: SCHEMA,
            name: "place",
            strict: true,
          },
        }),
      );
      expect(Object.keys(JSON.parse(answer.text))).toEqual(["city"]);
    });

    it("answers in JSON without a schema, or is passed over for one that can", async () => {
      const answer = await ask(
        of(model, "Name a city in JSON", { responseFormat: { kind: ResponseFormatKind.JSON } }),
      );
      expect(JSON.parse(answer.text)).toBeTypeOf("object");
    });

    it("sees an image given as bytes, or is passed over for one that can", async () => {
      const answer = await ask(of(model, "", { messages: [user(text("What is this?"), IMAGE)] }));
      expect(answer.text).toMatch(/\S/);
    });
  });
});

describe("what a model cannot take", () => {
  it("is a reason to pass it over when the request cannot do without it", async () => {
    const events = await Array.fromAsync(
      router().complete(of("kimi/kimi-k2-0905-preview", "", { messages: [user(text("Look"), IMAGE)] })),
    );
    const decision = events[0]?.event;
    if (decision?.case !== "decision") throw new Error("no decision came first");
    expect(decision.value.rejectedTargets[0]).toMatchObject({
      provider: "kimi",
      reason: RejectionReason.IMAGES,
    });
    expect(decision.value.provider).toBe("openai");
  });

  it("is left out and reported when the answer can do without it", async () => {
    const events = await Array.fromAsync(
      router().complete(
        of("anthropic/claude-sonnet-5-5", "Say hello", {
          sampling: { temperature: 0.2, topP: 0.9, seed: 7n },
        }),
      ),
    );
    const decision = events[0]?.event;
    if (decision?.case !== "decision") throw new Error("no decision came first");
    expect(decision.value.droppedParameters.map(({ name }) => name).sort()).toEqual([
      "seed",
      "temperature",
      "top_p",
    ]);
    expect(events.at(-1)?.event.case).toBe("completed");
  });

  it("thinks aloud where a model does, apart from the answer", async () => {
    const answer = await askStreamed(of("kimi/kimi-k2.6", "Why? [reasoning=8]"));
    expect(answer.reasoning).toMatch(/\S/);
    expect(answer.text).toMatch(/\S/);
  });
});
