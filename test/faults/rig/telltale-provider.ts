/** A provider that gives away all it can: it answers with canaries, and its errors repeat the key and the prompt it was sent. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SAID } from "./canaries.ts";

export type TelltaleProvider = Readonly<{
  /** Speaks OpenAI's dialect at any path; what it does goes by the model's name. */
  url: string;
  /** All that it was sent, heads and bodies. */
  received(): string;
  close(): Promise<void>;
}>;

type Exchange = Readonly<{ response: ServerResponse; echo: string }>;

/** By the model's name. A name that is not here is answered with an error of status 500. */
const BEHAVIOURS: Readonly<Record<string, (exchange: Exchange) => void>> = {
  answers: ({ response }) =>
    stream(response, [{ reasoning_content: SAID.reasoning }, { content: SAID.answer }], "stop"),
  calls: ({ response }) => {
    const call = { index: 0, id: "call_1", function: { name: "look", arguments: SAID.arguments } };
    stream(response, [{ tool_calls: [call] }], "tool_calls");
  },
  refuses: ({ response }) => stream(response, [{ refusal: SAID.refusal }], "stop"),
  stalls: ({ response }) => begin(response, [{ content: SAID.answer }]),
  "status-400": (exchange) => fail(exchange, 400),
  "status-401": (exchange) => fail(exchange, 401),
  "status-403": (exchange) => fail(exchange, 403),
  "status-404": (exchange) => fail(exchange, 404),
  "status-429": (exchange) => fail(exchange, 429),
  "status-503": (exchange) => fail(exchange, 503),
  html: ({ response, echo }) =>
    response.writeHead(502, { "content-type": "text/html" }).end(`<h1>${echo}</h1>`),
  "no-json": ({ response, echo }) =>
    response.writeHead(200, { "content-type": "application/json" }).end(echo),
  "error-first": ({ response, echo }) => {
    begin(response, []);
    response.end(event({ error: { message: echo, type: "server_error" } }));
  },
  "error-later": ({ response, echo }) => {
    begin(response, [{ content: SAID.answer }]);
    response.end(event({ error: { message: echo, type: "server_error" } }));
  },
  malformed: ({ response, echo }) => {
    begin(response, []);
    response.end(`data: {"choices": ${echo}\n\ndata: {"choices": ${echo}\n\n`);
  },
  ends: ({ response }) => {
    begin(response, [{ content: SAID.answer }]);
    response.end();
  },
  cuts: ({ response }) => {
    begin(response, [{ content: SAID.answer }]);
    setTimeout(() => response.destroy(), 20);
  },
  resets: ({ response }) => void response.destroy(),
};

/** Those that end in an error, whatever is asked for after them. */
export const FAILING = Object.keys(BEHAVIOURS).filter((name) => !/answers|calls|refuses|stalls/.test(name));

export async function startTelltaleProvider(): Promise<TelltaleProvider> {
  const received: string[] = [];
  const server = createServer((request, response) => void answer(request, response, received));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received.join("\n"),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, received: string[]): Promise<void> {
  const body = await text(request).catch(() => "");
  const head = JSON.stringify(request.headers);
  received.push(head, body);
  const echo = `${SAID.error} ${head} ${body}`;
  const [, model = ""] = /"model":"([^"]*)"/.exec(body) ?? [];
  const behave = BEHAVIOURS[model] ?? ((exchange: Exchange) => fail(exchange, 500));
  behave({ response, echo });
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (delta: object, finish: string | null = null): string =>
  event({
    id: "c",
    object: "chat.completion.chunk",
    model: "telltale",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });

function begin(response: ServerResponse, deltas: readonly object[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(deltas.map((delta) => chunk(delta)).join("") || ": here\n\n");
}

function stream(response: ServerResponse, deltas: readonly object[], finish: string): void {
  begin(response, deltas);
  const usage = { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 };
  response.end(`${chunk({}, finish)}${event({ choices: [], usage })}data: [DONE]\n\n`);
}

function fail({ response, echo }: Exchange, status: number): void {
  const error = {
    message: echo,
    type: "invalid_request_error",
    code: `code ${SAID.error}`,
    param: SAID.error,
  };
  response.writeHead(status, {
    "content-type": "application/json",
    "x-request-id": "req-of-the-provider", // it is logged, and meant to be
    "x-ratelimit-limit": SAID.error,
    "retry-after": "1",
  });
  response.end(JSON.stringify({ error }));
}
