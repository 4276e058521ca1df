/** What is asked of each provider so that it caches a session's prompt. */
import { describe, expect, it } from "vitest";
import type { ChatMessage, CompletionRequest, Dialect } from "../../src/providers/provider.ts";
import { question } from "./ask.ts";
import { sentBy } from "./sent-by.ts";

const KEY = "hash-of-the-session";
const MARK = { cache_control: { type: "ephemeral" } };
const tools = [{ name: "now", description: "", parametersJson: "", strict: false }];
const system = (text: string): ChatMessage => ({ role: "system", text });
const user = (text: string): ChatMessage => ({ role: "user", parts: [{ kind: "text", text }] });
const called: ChatMessage = {
  role: "assistant",
  text: "",
  toolCalls: [{ id: "a", name: "now", argumentsJson: "" }],
};
const result: ChatMessage = { role: "tool", toolCallId: "a", text: "noon", isError: false };

const sent = async (dialect: Dialect, changes: Partial<CompletionRequest>) =>
  (await sentBy(dialect, question(changes))).json;

/** Where the marks stand, as paths: "system.0", "tools.1", "messages.2.content.0". */
function marksIn(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "cache_control" in value ? [path.slice(1)] : [];
  return [...own, ...Object.entries(value).flatMap(([key, inner]) => marksIn(inner, `${path}.${key}`))];
}

describe("Anthropic is asked to cache", () => {
  it("the instructions at the head of a session's conversation, as one block for five minutes", async () => {
    const json = await sent("anthropic", {
      cacheKey: KEY,
      messages: [system("Be brief."), system("Be kind."), user("Hi")],
    });
    expect(json.system).toEqual([{ type: "text", text: "Be brief.\n\nBe kind.", ...MARK }]);
    expect(marksIn(json)).toEqual(["system.0"]);
  });

  it("not the instructions that come later, which may be others next time", async () => {
    const json = await sent("anthropic", {
      cacheKey: KEY,
      messages: [system("Be brief."), user("Hi"), system("It is noon.")],
    });
    expect(json.system).toEqual([
      { type: "text", text: "Be brief.", ...MARK },
      { type: "text", text: "It is noon." },
    ]);
  });

  it("no conversation that later instructions stand ahead of", async () => {
    const messages = [system("Be brief."), user("When?"), called, result, system("It is noon.")];
    expect(marksIn(await sent("anthropic", { cacheKey: KEY, tools, messages }))).toEqual(["system.0"]);
  });

  it("the tools, where no instructions stand at the head", async () => {
    const both = [...tools, { ...tools[0], name: "then" } as (typeof tools)[number]];
    const json = await sent("anthropic", {
      cacheKey: KEY,
      tools: both,
      messages: [user("Hi"), system("Noon.")],
    });
    expect(marksIn(json)).toEqual(["tools.1"]);
    const led = await sent("anthropic", {
      cacheKey: KEY,
      tools: both,
      messages: [system("Be brief."), user("Hi")],
    });
    expect(marksIn(led)).toEqual(["system.0"]);
  });

  it("the whole of a conversation that the model has spoken in, to its last block", async () => {
    const messages = [system("Be brief."), user("When?"), called, result, user("And then?")];
    const json = await sent("anthropic", { cacheKey: KEY, tools, messages });
    expect(marksIn(json).sort()).toEqual(["messages.2.content.1", "system.0"]);
    expect(json).toHaveProperty("messages.2.content.1", { type: "text", text: "And then?", ...MARK });
    const looped = await sent("anthropic", { cacheKey: KEY, tools, messages: messages.slice(1, 4) });
    expect(marksIn(looped).sort()).toEqual(["messages.2.content.0", "tools.0"]);
    expect(looped).toHaveProperty("messages.2.content.0.type", "tool_result");
  });

  it("nothing of a first question alone, and nothing of a call outside a session", async () => {
    expect(marksIn(await sent("anthropic", { cacheKey: KEY }))).toEqual([]);
    const messages = [system("Be brief."), user("When?"), called, result];
    const json = await sent("anthropic", { tools, messages });
    expect(marksIn(json)).toEqual([]);
    expect(json.system).toBe("Be brief.");
  });

  it("without being told whose session it is", async () => {
    expect(JSON.stringify(await sent("anthropic", { cacheKey: KEY }))).not.toContain(KEY);
  });
});

describe("the others cache by themselves", () => {
  const keyed = { parameters: { ...question().parameters, promptCacheKey: true } };

  it("OpenAI is told which calls belong together", async () => {
    expect((await sent("openai", { ...keyed, cacheKey: KEY })).prompt_cache_key).toBe(KEY);
    expect(await sent("openai", keyed)).not.toHaveProperty("prompt_cache_key");
  });

  it.each(["openai", "kimi"] as const)(
    "a model of %s that the catalogue says nothing of is not",
    async (dialect) => {
      expect(JSON.stringify(await sent(dialect, { cacheKey: KEY }))).not.toContain(KEY);
    },
  );
});
