/** The official OpenAI SDK for Node, as it comes, when providers fail. */
import { once } from "node:events";
import { connect } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FaultyService, startFaultyService } from "./support.ts";

let faulty: FaultyService;
let openai: OpenAI;
beforeAll(async () => {
  faulty = await startFaultyService();
  openai = new OpenAI({ baseURL: faulty.baseUrl, apiKey: "any" });
});
afterAll(() => faulty.stop());
beforeEach(() => faulty.sandbox.ledger.clear());

/** The body's `models`, which OpenAI's types do not have. */
type Fallbacks = Readonly<{ models?: readonly string[] }>;

const bodyOf = (model: string, content: string, models?: readonly string[]) => ({
  model,
  messages: [{ role: "user" as const, content }],
  ...(models !== undefined && { models }),
});
const whole = (model: string, content: string, { models }: Fallbacks = {}) =>
  openai.chat.completions.create(bodyOf(model, content, models));
const streamed = (model: string, content: string, { models }: Fallbacks = {}, client = openai) =>
  client.chat.completions.create({ ...bodyOf(model, content, models), stream: true });
/** Nothing is tried after it. */
const alone = (model: string): Fallbacks => ({ models: [model] });

type SdkError = InstanceType<typeof OpenAI.APIError>;
const failure = (promise: Promise<unknown>): Promise<SdkError> =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error as SdkError,
  );

/** What was said before it ended, and the error if it ended with one. */
async function read(stream: PromiseLike<AsyncIterable<OpenAI.ChatCompletionChunk>>) {
  const seen = { text: "", models: new Set<string>(), finish: "", error: undefined as SdkError | undefined };
  try {
    for await (const { choices, model } of await stream) {
      seen.models.add(model);
      seen.text += choices[0]?.delta.content ?? "";
      seen.finish ||= choices[0]?.finish_reason ?? "";
    }
  } catch (error) {
    seen.error = error as SdkError;
  }
  return { ...seen, models: [...seen.models] };
}

describe("a request that cannot be served", () => {
  it("for a model that is not there lists those there are", async () => {
    const error = await failure(whole("gpt-none", "x"));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: "model_not_found", param: "model", type: "invalid_request_error" });
    expect(error.message).toContain("gamma/plain");
  });

  it("names the parameter that is wrong, or not served", async () => {
    const ask = (rest: object) =>
      failure(openai.chat.completions.create({ ...bodyOf("auto", "x"), ...rest }));
    expect(await ask({ temperature: 3 })).toMatchObject({ status: 400, param: "temperature" });
    expect(await ask({ logprobs: true })).toMatchObject({
      status: 400,
      code: "unsupported_parameter",
      param: "logprobs",
    });
  });

  it("of more than 4 MiB is a 413", async () => {
    expect(await failure(whole("auto", "x".repeat(4 * 1024 * 1024)))).toMatchObject({
      status: 413,
      code: "request_too_large",
    });
  });

  it("of more than 4 MiB is refused also to a caller who is still sending it, and the connection stays", async () => {
    const { hostname, port } = new URL(faulty.baseUrl);
    const socket = connect(Number(port), hostname);
    let answer = "";
    let failed: Error | undefined;
    socket.on("data", (data) => (answer += data.toString("latin1")));
    socket.on("error", (error) => (failed = error));
    await once(socket, "connect");
    const bytes = 5 * 1024 * 1024;
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`,
    );
    await expect.poll(() => answer, { timeout: 10_000 }).toContain("request_too_large");
    socket.write(Buffer.alloc(bytes, 0x20));
    socket.write(`GET /healthz HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
    await once(socket, "close");
    expect([failed, answer.match(/HTTP\/1\.1 \d+/g)]).toEqual([undefined, ["HTTP/1.1 413", "HTTP/1.1 200"]]);
  });
});

describe.each([
  ["whole", whole],
  ["streamed", streamed],
] as const)("%s:", (_, ask) => {
  it.each([
    ["429", OpenAI.RateLimitError, 429, "rate_limit_exceeded"],
    ["quota", OpenAI.RateLimitError, 429, "insufficient_quota"],
    ["529", OpenAI.InternalServerError, 503, "provider_overloaded"],
    ["500", OpenAI.InternalServerError, 502, "provider_error"],
    ["reset", OpenAI.InternalServerError, 502, "provider_unreachable"],
    ["auth", OpenAI.InternalServerError, 502, "provider_unauthenticated"],
    ["model-404", OpenAI.InternalServerError, 502, "provider_model_not_found"],
    ["html-200", OpenAI.InternalServerError, 502, "provider_protocol_error"],
    ["error-first-event", OpenAI.InternalServerError, 503, "provider_overloaded"],
    ["context-length", OpenAI.BadRequestError, 400, "context_length_exceeded"],
    ["content-filter", OpenAI.BadRequestError, 400, "content_filter"],
  ])(
    "%s before any content is a %o with its status, and is not repeated by the SDK as well",
    async (fault, kind, status, code) => {
      const model = faulty.model("alpha", fault);
      const error = await failure(ask(model, "x", alone(model)));
      expect(error).toBeInstanceOf(kind);
      expect([error.status, error.code]).toEqual([status, code]);
      expect(error.message).not.toMatch(/sk-|canary/i);
      expect(error.headers?.get("x-should-retry")).toBe("false");
      expect(error.headers?.get("x-modeltier-attempts")).toBe(String(faulty.asked().length));
    },
  );

  it("fallback models answer in the order in which the body names them", async () => {
    const [first, second, third] = [
      faulty.model("alpha", "529"),
      faulty.model("beta", "529"),
      faulty.model("gamma"),
    ];
    const answer = await ask(first, "x", { models: [second, third] });
    const served = "choices" in answer ? answer.model : (await read(Promise.resolve(answer))).models[0];
    expect(served).toBe(third);
    expect(faulty.asked().map((name) => name.split("!")[0])).toEqual(
      [first, second, third].map((name) => name.split(/[/!]/)[1]),
    );
  });

  it("nothing is tried beyond them", async () => {
    const models = [faulty.model("beta", "529")];
    const error = await failure(ask(faulty.model("alpha", "529"), "x", { models }));
    expect(error.code).toBe("provider_overloaded");
    expect(faulty.asked()).not.toContain("plain");
  });

  it("without them the tier's own answer", async () => {
    const answer = await ask(faulty.model("alpha", "529"), "x");
    const served = "choices" in answer ? answer.model : (await read(Promise.resolve(answer))).models[0];
    expect(served).toBe("gamma/plain");
  });

  it("a wait that is known is told, and the SDK keeps it", async () => {
    const model = faulty.model("alpha", "429-retry-after-ms=2100,once");
    const limited = await failure(ask(model, "x", alone(model)));
    expect(limited.headers?.get("retry-after-ms")).toMatch(/^\d{4}$/);
    const askedAgainMs = performance.now();
    await ask(model, "x", alone(model));
    expect(performance.now() - askedAgainMs).toBeGreaterThan(1_000);
    expect(faulty.asked()).toHaveLength(2);
  });
});

describe("fallback models in a header", () => {
  it("serve a client that cannot put them in its body", async () => {
    const [first, second] = [faulty.model("alpha", "529"), faulty.model("beta")];
    const client = openai.withOptions({ defaultHeaders: { "x-modeltier-models": second } });
    expect((await read(streamed(first, "x", {}, client))).models).toEqual([second]);
  });
});

describe.each(["cut=25", "cut-clean=25", "no-finish", "error-midstream=25"])("a stream with %s", (fault) => {
  it("ends with an error after what was said: no chunk could say that it starts over", async () => {
    const model = faulty.model("alpha", fault);
    const seen = await read(streamed(model, "Talk [tokens=60]", { models: [faulty.model("beta")] }));
    expect(seen.error).toBeInstanceOf(OpenAI.APIError);
    expect(seen.error).toMatchObject({ status: undefined, type: "server_error" });
    expect(seen.text).toMatch(/\S/);
    expect(seen.finish).toBe("");
    expect(seen.models).toEqual([model]);
  });

  it("goes on unnoticed where the next model says the same, which is then the one that is named", async () => {
    const [broken, sound] = [faulty.model("alpha", fault), faulty.model("beta")];
    const seen = await read(streamed(broken, "Talk [tokens=60] [seed=same]", { models: [sound] }));
    const { choices } = await whole(sound, "Talk [tokens=60] [seed=same]");
    expect(seen).toMatchObject({ text: choices[0]?.message.content, finish: "stop", error: undefined });
    expect(seen.models).toEqual([broken, sound]);
  });

  it("is repaired unseen when a header asks for ASSURED", async () => {
    const [broken, sound] = [faulty.model("alpha", fault), faulty.model("beta")];
    const client = openai.withOptions({ defaultHeaders: { "x-modeltier-delivery": "assured" } });
    const seen = await read(streamed(broken, "Talk [tokens=60]", { models: [sound] }, client));
    const { choices } = await whole(sound, "Talk [tokens=60]");
    expect(seen).toMatchObject({ text: choices[0]?.message.content, finish: "stop", error: undefined });
    expect(seen.models).toEqual([sound]);
  });
});
