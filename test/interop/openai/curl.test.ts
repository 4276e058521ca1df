/** curl, and what stands on the wire. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FaultyService, run, startFaultyService } from "./support.ts";

let faulty: FaultyService;
beforeAll(async () => {
  faulty = await startFaultyService();
});
afterAll(() => faulty.stop());

/** Headers, a blank line and the body, as they came. */
async function post(body: object, ...headers: readonly string[]): Promise<{ head: string; body: string }> {
  const json = ["-H", "content-type: application/json", "-d", JSON.stringify(body)];
  const more = headers.flatMap((header) => ["-H", header]);
  const { stdout } = await run("curl", [
    "-sSi",
    "-N",
    ...json,
    ...more,
    `${faulty.baseUrl}/chat/completions`,
  ]);
  const [head = "", ...rest] = stdout.split("\r\n\r\n");
  return { head, body: rest.join("\r\n\r\n") };
}

const ask = (model: string, rest: object = {}, tokens = 3) => ({
  model,
  messages: [{ role: "user", content: `Say hello [tokens=${tokens}]` }],
  ...rest,
});

describe("curl", () => {
  it("gets a whole answer with two lines of JSON and no key", async () => {
    const { head, body } = await post(ask("auto"), "x-modeltier-agent-id: by-hand");
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(head).toMatch(/x-modeltier-provider: gamma/);
    expect(JSON.parse(body)).toMatchObject({
      object: "chat.completion",
      model: "gamma/plain",
      usage: { completion_tokens: 3 },
      modeltier: { price_status: "UNKNOWN" },
    });
  });

  it("gets a stream of frames that ends with [DONE]", async () => {
    const { head, body } = await post(ask("auto", { stream: true, stream_options: { include_usage: true } }));
    expect(head).toMatch(/content-type: text\/event-stream/);
    const frames = body.trimEnd().split("\n\n");
    expect(frames.every((frame) => frame.startsWith("data: "))).toBe(true);
    expect(frames.at(-1)).toBe("data: [DONE]");
    expect(JSON.parse(frames.at(-2)?.slice("data: ".length) ?? "")).toMatchObject({
      choices: [],
      usage: { total_tokens: expect.any(Number) },
    });
    expect(frames).toHaveLength(1 + 3 + 1 + 1 + 1);
  });

  it("sees a stream that failed end with the error and nothing after it", async () => {
    const { head, body } = await post(ask(faulty.model("alpha", "cut=25"), { stream: true }, 60));
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
    const last = body.trimEnd().split("\n\n").at(-1) ?? "";
    expect(JSON.parse(last.slice("data: ".length))).toEqual({
      error: {
        message: expect.stringContaining("The answer is incomplete."),
        type: "server_error",
        param: null,
        code: "stream_truncated",
      },
    });
    expect(body).not.toContain("[DONE]");
  });

  it("names fallbacks and asks for ASSURED by header", async () => {
    const [broken, sound] = [faulty.model("alpha", "cut=25"), faulty.model("beta")];
    const { head, body } = await post(
      ask(broken, { stream: true }, 60),
      `x-modeltier-models: ${sound}`,
      "x-modeltier-delivery: assured",
    );
    expect(head).toContain(`x-modeltier-model: ${sound.split("/")[1]}`);
    expect(body).toMatch(/data: \[DONE\]\n\n$/);
  });

  it("hears of a missing content type, and of a fault in the body by its place", async () => {
    const url = `${faulty.baseUrl}/chat/completions`;
    const { stdout } = await run("curl", ["-sS", "-d", "{}", url]);
    expect(JSON.parse(stdout).error).toMatchObject({ code: "unsupported_media_type" });
    const { head, body } = await post(ask("auto", { tools: [{ type: "function", function: {} }] }));
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(body).error).toMatchObject({ param: "tools[0].function.name", code: "invalid_value" });
  });
});
