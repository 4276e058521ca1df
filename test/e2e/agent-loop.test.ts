/** An agent loop with a model that thinks: it asks, calls a tool, is given the result with what it had thought, and answers. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CompleteOnceResponse,
  type Message,
  Role,
  ToolChoiceMode,
} from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { CATALOGUE } from "../../src/pricing/catalogue.ts";
import { targetKey } from "../../src/routing/types.ts";
import { type RunningService, startService } from "../support/service.ts";

const SONNET = "anthropic/claude-sonnet-5-5";
const KIMI = "kimi/kimi-k3";
const LUNA = "openai/gpt-6-luna";
const QUESTION = "How is it in Oslo? Use get_weather.";
const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

let service: RunningService;
let openai: OpenAI;
beforeAll(async () => {
  service = await startService({ env: { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "100000" } });
  openai = new OpenAI({ baseURL: `${service.httpUrl}/v1`, apiKey: "any", maxRetries: 0 });
});
afterAll(() => service.stop());

const router = () =>
  createClient(RouterService, createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }));

type Part = { content: NonNullable<Message["parts"][number]["content"]> };
type Messages = { role: Role; parts: Part[] }[];
const text = (value: string): Part => ({ content: { case: "text", value } });
const asked: Messages = [{ role: Role.USER, parts: [text(QUESTION)] }];

const requestOf = (model: string, messages: Messages, sessionId = "") => ({
  routing: {
    case: "route" as const,
    value: { agentId: "loop", sessionId, constraints: { model } },
  },
  messages,
  tools: [{ name: "get_weather", parameters: SCHEMA }],
});

/** The conversation with the answer in it, reasoning and calls as they came, and a result for each call. */
function continued(messages: Messages, { reasoningBlocks, toolCalls }: Answer): Messages {
  const parts: Part[] = [
    ...reasoningBlocks.map((value) => ({ content: { case: "reasoning" as const, value } }) as Part),
    ...toolCalls.map((value) => ({ content: { case: "toolCall" as const, value } }) as Part),
  ];
  const results = toolCalls.map(
    ({ id }) => ({ content: { case: "toolResult", value: { toolCallId: id, text: "4 °C, rain" } } }) as Part,
  );
  return [...messages, { role: Role.ASSISTANT, parts }, { role: Role.TOOL, parts: results }];
}

type Answer = Pick<CompleteOnceResponse, "text" | "toolCalls" | "decision" | "completed"> &
  Readonly<{ reasoningBlocks: readonly Readonly<{ text: string; signature: string; encrypted: string }>[] }>;

const askWhole = (model: string, messages: Messages): Promise<Answer> =>
  router().completeOnce({ request: requestOf(model, messages) });

/** The same from a stream, put together as the contract says. */
async function askStreamed(model: string, messages: Messages): Promise<Answer> {
  const reasoningBlocks: { text: string; signature: string; encrypted: string }[] = [];
  const toolCalls: CompleteOnceResponse["toolCalls"] = [];
  let said = "";
  let thought = "";
  let decision: Answer["decision"];
  let completed: Answer["completed"];
  for await (const { event } of router().complete(requestOf(model, messages))) {
    if (event.case === "decision") decision = event.value;
    if (event.case === "completed") completed = event.value;
    if (event.case === "textDelta") said += event.value.text;
    if (event.case === "toolCallDelta") {
      const { index, argumentsJson } = event.value;
      const call = toolCalls[index];
      if (call === undefined) toolCalls[index] = { ...event.value, $typeName: "modeltier.v1.ToolCall" };
      else call.argumentsJson += argumentsJson;
    }
    if (event.case === "reasoningDelta") {
      thought += event.value.text;
      const { signature, encrypted } = event.value;
      if (signature === "" && encrypted === "") continue;
      reasoningBlocks.push({ text: thought, signature, encrypted });
      thought = "";
    }
  }
  if (thought !== "") reasoningBlocks.push({ text: thought, signature: "", encrypted: "" });
  return { text: said, toolCalls, reasoningBlocks, decision, completed };
}

describe.each([
  ["whole", askWhole],
  ["streamed", askStreamed],
] as const)("over gRPC, %s", (_, ask) => {
  it.each([
    [SONNET, /^sandbox-/],
    [KIMI, /^$/],
  ])("%s gets back what it thought, as it thought it", async (model, signature) => {
    const first = await ask(model, asked);
    expect(first.toolCalls).toHaveLength(1);
    expect(first.reasoningBlocks).toEqual([
      expect.objectContaining({
        text: expect.stringMatching(/\S/),
        signature: expect.stringMatching(signature),
      }),
    ]);
    const second = await ask(model, continued(asked, first));
    expect(second.text).toContain("The tool has answered.");
    expect(`${second.completed?.provider}/${second.completed?.model}`).toBe(model);
    expect(second.decision?.droppedParameters.map(({ name }) => name)).not.toContain("reasoning");
    const [thought] = first.reasoningBlocks;
    const estimated = Number(second.decision?.estimatedInputTokens);
    expect(estimated).toBe(Math.ceil((QUESTION.length + (thought?.text.length ?? 0)) / 4));
  });

  it("a signature that was tampered with is refused by its provider", async () => {
    const first = await ask(SONNET, asked);
    const reasoningBlocks = first.reasoningBlocks.map((block) => ({ ...block, text: `${block.text}!` }));
    await expect(ask(SONNET, continued(asked, { ...first, reasoningBlocks }))).rejects.toThrow(
      /rejected|refused/i,
    );
  });

  it.each([
    [SONNET, KIMI, []],
    [KIMI, SONNET, ["reasoning"]],
    [SONNET, LUNA, ["reasoning"]],
    [KIMI, LUNA, ["reasoning"]],
    [LUNA, KIMI, []],
    [LUNA, SONNET, []],
  ])("what %s began %s can finish, and the decision says what was left out", async (one, other, dropped) => {
    const first = await ask(one, asked);
    const second = await ask(other, continued(asked, first));
    expect(second.text).toContain("The tool has answered.");
    expect(
      second.decision?.droppedParameters.map(({ name }) => name).filter((name) => name === "reasoning"),
    ).toEqual(dropped);
  });

  it("an OpenAI model that takes tools only without thinking is told not to think", async () => {
    const { toolCalls, completed } = await ask(LUNA, asked);
    expect(toolCalls).toHaveLength(1);
    expect(completed?.usage?.reasoningTokens ?? 0n).toBe(0n);
  });
});

const toolModels = CATALOGUE.models.filter(
  ({ capabilities }) => capabilities.tools && capabilities.forcedTools,
);

it.each(toolModels.map(targetKey))("%s can be made to call a tool", async (model) => {
  for (const toolChoice of [
    { mode: ToolChoiceMode.REQUIRED },
    { mode: ToolChoiceMode.NAMED, name: "get_weather" },
  ]) {
    const request = { ...requestOf(model, [{ role: Role.USER, parts: [text("Hi")] }]), toolChoice };
    const answer = await router().completeOnce({ request });
    expect(answer.toolCalls).toHaveLength(1);
    expect(`${answer.completed?.provider}/${answer.completed?.model}`).toBe(model);
    const events = await Array.fromAsync(router().complete(request));
    expect(events.some(({ event }) => event.case === "toolCallDelta")).toBe(true);
  }
});

it("a session at Anthropic caches the loop as it grows", async () => {
  const handbook = { role: Role.SYSTEM, parts: [text("Follow the rules to the letter. ".repeat(400))] };
  let messages: Messages = [handbook, ...asked];
  const usages: (readonly [written: number, read: number])[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const answer = await router().completeOnce({ request: requestOf(SONNET, messages, "growing-loop") });
    const { cacheWriteTokens, cachedInputTokens } = answer.completed?.usage ?? {};
    usages.push([Number(cacheWriteTokens), Number(cachedInputTokens)]);
    messages =
      answer.toolCalls.length > 0
        ? continued(messages, answer)
        : [
            ...messages,
            { role: Role.ASSISTANT, parts: [text(answer.text)] },
            { role: Role.USER, parts: [text("And in Bergen?")] },
          ];
  }
  const [first, second, third] = usages;
  expect(first?.[0]).toBeGreaterThan(3_000);
  expect(first?.[1]).toBe(0);
  expect(second?.[1]).toBe(first?.[0]);
  expect(second?.[0]).toBeGreaterThan(0);
  expect(third?.[1]).toBe((second?.[0] ?? 0) + (second?.[1] ?? 0));
});

describe("with the OpenAI SDK, which echoes the message it was given", () => {
  type ChatMessages = OpenAI.ChatCompletionMessageParam[];
  const begun: ChatMessages = [{ role: "user", content: QUESTION }];
  const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: SCHEMA } }];
  const body = (model: string, messages: ChatMessages) => ({ model, models: [model], messages, tools });

  const whole = async (model: string, messages: ChatMessages) =>
    (await openai.chat.completions.create(body(model, messages))).choices[0]?.message;
  /** As the SDK itself adds a stream up. */
  const streamed = async (model: string, messages: ChatMessages) =>
    openai.chat.completions.stream(body(model, messages)).finalMessage();

  describe.each([
    ["whole", whole],
    ["streamed", streamed],
  ] as const)("%s", (_, ask) => {
    it.each([SONNET, KIMI, LUNA])("%s goes on from what it thought", async (model) => {
      const first = await ask(model, begun);
      const [call] = first?.tool_calls ?? [];
      if (first === undefined || call === undefined) throw new Error("the tool was not called");
      const result = { role: "tool" as const, tool_call_id: call.id, content: "4 °C, rain" };
      const second = await ask(model, [...begun, first, result]);
      expect(second?.content).toContain("The tool has answered.");
      const proof = JSON.stringify(first);
      if (model === SONNET) expect(proof).toContain('"signature":"sandbox-');
      if (model !== LUNA) expect(proof).toContain("reasoning_details");
    });

    it("Anthropic refuses what it did not sign", async () => {
      const first = await ask(SONNET, begun);
      const altered = JSON.parse(
        JSON.stringify(first).replace('"signature":"sandbox-', '"signature":"sandbox-x'),
      );
      const result = { role: "tool", tool_call_id: altered.tool_calls[0].id, content: "4 °C, rain" } as const;
      await expect(ask(SONNET, [...begun, altered, result])).rejects.toMatchObject({ status: 400 });
    });
  });
});
