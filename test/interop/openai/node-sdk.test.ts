/** The official OpenAI SDK for Node, as it comes, with nothing set but its base URL: everything that agents ask for. */
import OpenAI from "openai";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { databaseOf } from "../../support/database-of.ts";
import { type RunningService, startService } from "../../support/service.ts";
import { emptyLedger, endedAttempts, HAIKU, KIMI, MINI, PNG_URL, SCHEMA, WEATHER } from "./support.ts";

let service: RunningService;
let openai: OpenAI;
beforeAll(async () => {
  service = await startService();
  openai = new OpenAI({ baseURL: `${service.httpUrl}/v1`, apiKey: "any" });
});
afterAll(() => service.stop());
afterEach(() => emptyLedger(service));

type Body = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "model" | "messages">;
type Messages = OpenAI.ChatCompletionMessageParam[];
const say = (content: string): Messages => [{ role: "user", content }];

const whole = (model: string, messages: Messages, rest: Body = {}) =>
  openai.chat.completions.create({ model, messages, ...rest });
const streamed = (model: string, messages: Messages, rest: Body = {}) =>
  openai.chat.completions.stream({ model, messages, ...rest, stream: true });

describe("a whole answer", () => {
  it("comes from the tier that the score gives, and says what it was and cost", async () => {
    const { data, response, request_id } = await whole("auto", say("Say hello"), {
      metadata: { agent_id: "test-agent", combined_score: "5" },
    }).withResponse();
    expect(data.model).toBe(KIMI);
    expect(data.choices[0]?.message.content).toMatch(/\S/);
    expect(data.choices[0]?.finish_reason).toBe("stop");
    expect(data.usage?.prompt_tokens).toBeGreaterThan(0);
    expect(request_id).toBe(response.headers.get("x-modeltier-execution-id"));
    expect(response.headers.get("x-modeltier-tier")).toBe("balanced");
    expect(response.headers.get("x-modeltier-attempts")).toBe("1");
    expect(Number(response.headers.get("x-modeltier-overhead-ms"))).toBeGreaterThan(0);
    const attempts = await endedAttempts(service);
    expect(response.headers.get("x-modeltier-cost-nano-usd")).toBe(attempts[0]?.cost_nano_usd);
  });

  it.each([
    ["powerful", "anthropic/claude-3-5-sonnet-20241022"],
    [MINI, MINI],
    ["gpt-4o-mini", MINI],
  ])("of %s comes from %s", async (asked, served) => {
    expect((await whole(asked, say("Say hello"))).model).toBe(served);
  });

  it("is recorded as any other, with what metadata says", async () => {
    const { request_id: id } = await whole("auto", say("Say hello"), {
      metadata: { agent_id: "recorded-agent", session_id: "run-7", ticket: "T-1" },
      user: "ann",
    }).withResponse();
    const client = new pg.Client(databaseOf(service));
    await client.connect();
    const find = () =>
      client.query("SELECT agent_id, labels FROM orchestration_executions WHERE execution_id = $1", [id]);
    let { rows } = await find();
    while (rows.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ({ rows } = await find());
    }
    await client.end();
    expect(rows).toEqual([{ agent_id: "recorded-agent", labels: { ticket: "T-1", user: "ann" } }]);
  });
});

describe("a streamed answer", () => {
  it("is the whole one in pieces, with the usage at its end when asked", async () => {
    const stream = await openai.chat.completions.create({
      model: MINI,
      messages: say("Talk [tokens=30]"),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
    expect(text).toBe((await whole(MINI, say("Talk [tokens=30]"))).choices[0]?.message.content);
    expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
    const [attempt] = await endedAttempts(service);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      model: MINI,
      usage: { completion_tokens: 30 },
      modeltier: { attempts: 1, cost_nano_usd: attempt?.cost_nano_usd, price_status: "KNOWN" },
    });
  });

  it("thinks aloud where the model does, apart from the answer", async () => {
    const stream = await openai.chat.completions.create({
      model: "kimi/kimi-k2.6",
      messages: say("Why? [reasoning=8]"),
      stream: true,
    });
    const deltas = (await Array.fromAsync(stream)).map(({ choices }) => choices[0]?.delta);
    expect(deltas.some((delta) => delta !== undefined && "reasoning_content" in delta)).toBe(true);
    expect(deltas.map((delta) => delta?.content ?? "").join("")).toMatch(/\S/);
  });

  it("knows its cost at its beginning when it is assured", async () => {
    const assured = openai.withOptions({ defaultHeaders: { "x-modeltier-delivery": "assured" } });
    const { data, response } = await assured.chat.completions
      .create({ model: MINI, messages: say("Talk [tokens=30]"), stream: true })
      .withResponse();
    expect(await Array.fromAsync(data)).toHaveLength(32);
    const [attempt] = await endedAttempts(service);
    expect(response.headers.get("x-modeltier-cost-nano-usd")).toBe(attempt?.cost_nano_usd);
  });

  it("ends at the provider as soon as it is aborted", async () => {
    const stream = streamed(MINI, say("Talk [tokens=100000]"));
    stream.on("content", () => stream.abort());
    await expect(stream.done()).rejects.toThrow(OpenAI.APIUserAbortError);
    expect((await endedAttempts(service)).map(({ end }) => end)).toEqual(["aborted_by_client"]);
  });
});

describe.each([
  ["streamed", (...ask: Parameters<typeof whole>) => streamed(...ask).finalChatCompletion()],
  ["whole", (...ask: Parameters<typeof whole>) => whole(...ask)],
] as const)("%s", (_, ask) => {
  it.each([KIMI, MINI, HAIKU])("%s calls tools in parallel and goes on from their results", async (model) => {
    const question = say("get_weather for two cities [calls=2]");
    const { choices } = await ask(model, question, { tools: [WEATHER], tool_choice: "required" });
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    const calls = choices[0]?.message.tool_calls ?? [];
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    for (const call of calls) {
      if (call.type !== "function") throw new Error("not a function");
      expect(call.function.name).toBe("get_weather");
      expect(JSON.parse(call.function.arguments)).toHaveProperty("city");
    }
    const answered = await ask(
      model,
      [
        ...question,
        { role: "assistant", tool_calls: calls },
        ...calls.map(({ id }) => ({ role: "tool" as const, tool_call_id: id, content: "4 °C, rain" })),
      ],
      { tools: [WEATHER] },
    );
    expect(answered.choices[0]?.finish_reason).toBe("stop");
    expect(answered.choices[0]?.message.content).toMatch(/\S/);
  });

  it("JSON follows a schema", async () => {
    const { choices } = await ask(MINI, say("Name a city"), {
      response_format: { type: "json_schema", json_schema: { name: "place", strict: true, schema: SCHEMA } },
    });
    expect(Object.keys(JSON.parse(choices[0]?.message.content ?? ""))).toEqual(["city"]);
  });

  it("an image is seen, a stop sequence and an output cap hold, and a refusal is one", async () => {
    const image = { type: "image_url" as const, image_url: { url: PNG_URL } };
    const seen = await ask(MINI, [{ role: "user", content: [{ type: "text", text: "What is it?" }, image] }]);
    expect(seen.usage === undefined || seen.usage === null || seen.usage.prompt_tokens > 256).toBe(true);
    expect(seen.choices[0]?.message.content).toMatch(/\S/);

    const cut = await ask(MINI, say("Talk [tokens=40]"), { max_completion_tokens: 8 });
    expect(cut.choices[0]?.finish_reason).toBe("length");

    const refused = await ask(MINI, say("[refuse]"));
    expect(refused.choices[0]?.message.refusal).toMatch(/\S/);
  });
});

describe("models", () => {
  it("can be listed, and any that is listed can be asked for", async () => {
    const ids = (await Array.fromAsync(openai.models.list())).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(["auto", "fast", "balanced", "powerful", KIMI, MINI, HAIKU]));
    for (const id of ids) expect((await openai.models.retrieve(id)).id).toBe(id);
  });
});
