/** The official OpenAI SDK for Python, and LangChain's OpenAI chat model, as they come. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FaultyService, hasPythonPackage, runPython, startFaultyService } from "./support.ts";

const hasOpenAi = await hasPythonPackage("openai", "the OpenAI SDK for Python");
const hasLangChain = await hasPythonPackage("langchain_openai", "LangChain's OpenAI chat model");

let faulty: FaultyService;
beforeAll(async () => {
  faulty = await startFaultyService();
});
afterAll(() => faulty?.stop());

const CITIES = [{ city: expect.any(String) }, { city: expect.any(String) }];

describe.runIf(hasOpenAi)("the OpenAI SDK for Python", () => {
  it("asks for everything that agents ask for, and hears of every failure", async () => {
    const [broken, sound] = [faulty.model("alpha", "cut=25"), faulty.model("beta")];
    const seen = await runPython("openai_client.py", faulty.baseUrl, broken, sound);
    expect(seen).toEqual({
      model: "gamma/plain",
      text: expect.stringMatching(/\S/),
      executionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      toolNames: ["get_weather", "get_weather"],
      toolArguments: CITIES,
      streamedArguments: CITIES,
      answered: "stop",
      structured: { city: expect.any(String) },
      streamed: {
        text: expect.stringMatching(/\S/),
        models: [sound],
        finish: "stop",
        usage: expect.any(Number),
        error: null,
      },
      live: {
        text: expect.stringMatching(/\S/),
        models: [broken],
        finish: null,
        usage: null,
        error: "stream_truncated",
      },
      assured: {
        text: expect.stringMatching(/\S/),
        models: [sound],
        finish: "stop",
        usage: null,
        error: null,
      },
      unknown: { kind: "NotFoundError", status: 404, code: "model_not_found", param: "model" },
      unsupported: { kind: "BadRequestError", status: 400, code: "unsupported_parameter", param: "n" },
      models: ["auto", "fast", "balanced", "powerful"],
      retrieved: "gamma/plain",
    });
  });
});

describe.runIf(hasLangChain)("LangChain's OpenAI chat model", () => {
  it("invokes, streams, calls tools and keeps to schemas", async () => {
    const [broken, sound] = [faulty.model("alpha", "cut=25"), faulty.model("beta")];
    const seen = await runPython("langchain_client.py", faulty.baseUrl, broken, sound);
    expect(seen).toEqual({
      model: "gamma/plain",
      text: expect.stringMatching(/\S/),
      inputTokens: expect.any(Number),
      streamed: expect.stringMatching(/\S/),
      pieces: 9,
      streamedTokens: 9,
      toolNames: ["get_weather", "get_weather"],
      toolArguments: CITIES,
      answered: "stop",
      structured: { city: expect.any(String) },
      repaired: expect.stringMatching(/\S/),
    });
  });
});
