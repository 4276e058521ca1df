/** Calls with canaries in every part, at every door, and all that comes back. */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { Delivery, Role, ToolChoiceMode } from "../../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { bearer, DOORS, METHODS, transportTo } from "../../support/access.ts";
import type { RunningService } from "../../support/service.ts";
import { SENT } from "./canaries.ts";

/** What callers were told: answers apart from everything else. */
export type Told = { answers: string[]; errors: string[] };

const text = (value: string) => ({ content: { case: "text" as const, value } });

export const requestOf = (model: string, more: object = {}) => ({
  routing: {
    case: "route" as const,
    value: { agentId: "canary-agent", step: { prompt: SENT.prompt }, constraints: { model } },
  },
  messages: [
    { role: Role.SYSTEM, parts: [text(SENT.system)] },
    {
      role: Role.USER,
      parts: [
        text(SENT.prompt),
        {
          content: {
            case: "image" as const,
            value: {
              mediaType: "image/png",
              source: { case: "data" as const, value: Buffer.from(SENT.picture) },
            },
          },
        },
      ],
    },
    {
      role: Role.ASSISTANT,
      parts: [
        {
          content: {
            case: "toolCall" as const,
            value: { id: "t1", name: "look", argumentsJson: SENT.arguments },
          },
        },
      ],
    },
    {
      role: Role.TOOL,
      parts: [{ content: { case: "toolResult" as const, value: { toolCallId: "t1", text: SENT.result } } }],
    },
  ],
  tools: [{ name: "look", description: SENT.schema }],
  ...more,
});

const asText = (error: unknown): string => {
  const { rawMessage, details, metadata } = ConnectError.from(error);
  return JSON.stringify([rawMessage, details, [...metadata]], (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
};

/** Streams it over each protocol and delivery, and asks for it whole. */
export async function askRpc(
  service: RunningService,
  model: string,
  keyText: string,
  told: Told,
): Promise<void> {
  const asking = DOORS.map(async (door, index) => {
    const router = createClient(RouterService, transportTo(service, door));
    const delivery = index === 1 ? Delivery.ASSURED : Delivery.LIVE;
    try {
      const request = requestOf(model, { delivery, acceptRestart: index === 2 });
      for await (const { event } of router.complete(request, { ...bearer(keyText), timeoutMs: 20_000 })) {
        if (event.case === "attemptFailed") told.errors.push(JSON.stringify(event.value.failure));
        else if (event.value !== undefined && "text" in event.value) told.answers.push(event.value.text);
        else if (event.case === "toolCallDelta") told.answers.push(event.value.argumentsJson);
      }
    } catch (error) {
      told.errors.push(asText(error));
    }
  });
  await Promise.all(asking);
  const router = createClient(RouterService, transportTo(service, "connect"));
  await router
    .completeOnce({ request: requestOf(model) }, { ...bearer(keyText), timeoutMs: 20_000 })
    .then((answer) => told.answers.push(answer.text, answer.reasoning, answer.refusal))
    .catch((error: unknown) => told.errors.push(asText(error)));
}

/** The same over OpenAI's API, whole and in chunks. */
export async function askV1(
  service: RunningService,
  model: string,
  keyText: string,
  told: Told,
): Promise<void> {
  for (const stream of [false, true]) {
    const response = await fetch(`${service.httpUrl}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...bearer(keyText).headers },
      body: JSON.stringify({
        model,
        stream,
        messages: [
          { role: "system", content: SENT.system },
          { role: "user", content: SENT.prompt },
        ],
      }),
    });
    const body = await response.text();
    const isAnswer = response.ok && !body.includes('"error"');
    told[isAnswer ? "answers" : "errors"].push(body);
    told.errors.push(JSON.stringify([...response.headers]));
  }
}

/** Requests that are wrong in many ways: what is said of them names fields, and quotes no prompt. */
export async function askWrongly(service: RunningService, keyText: string, told: Told): Promise<void> {
  const wrong = [
    requestOf("tell/answers", { messages: [{ role: Role.TOOL, parts: [text(SENT.prompt)] }] }),
    requestOf("tell/answers", { messages: [{ role: Role.ASSISTANT, parts: [text(SENT.prompt)] }] }),
    requestOf("nowhere/at-all"),
    requestOf("tell/answers", { toolChoice: { mode: ToolChoiceMode.NAMED, name: SENT.prompt } }),
    requestOf("tell/answers", { sampling: { temperature: 9, stop: [" "] } }),
    requestOf("tell/answers", { routing: { case: "decisionToken", value: SENT.prompt } }),
  ];
  const router = createClient(RouterService, transportTo(service, "grpc"));
  for (const request of wrong) {
    await router
      .completeOnce({ request: request as never }, bearer(keyText))
      .catch((error: unknown) => told.errors.push(asText(error)));
  }
  const bodies = [
    `{"messages":[{"role":"user","content":"${SENT.prompt}"`,
    `"${SENT.prompt}"`,
    `{"a":${SENT.prompt}}`,
  ];
  for (const path of ["/v1/chat/completions", "/modeltier.v1.RouterService/CompleteOnce"]) {
    for (const body of bodies) {
      const headers = { "content-type": "application/json", ...bearer(keyText).headers };
      await (await fetch(`${service.httpUrl}${path}`, { method: "POST", headers, body })).text();
    }
  }
  const anonymous = { "content-type": "application/json", authorization: `Bearer ${SENT.prompt}` };
  const refused = await fetch(`${service.httpUrl}/v1/models`, { headers: anonymous });
  told.errors.push(await refused.text());
}

/** Every method of the contract with an empty request, and what it says. */
export async function askEverything(service: RunningService, keyText: string, told: Told): Promise<void> {
  for (const door of DOORS) {
    const transport = transportTo(service, door);
    for (const method of METHODS) told.errors.push(await saysTo(transport, method, keyText));
  }
}

async function* one(message: object) {
  yield message;
}

async function saysTo(transport: Transport, method: DescMethod, keyText: string): Promise<string> {
  const client = createClient(method.parent, transport) as unknown as Record<
    string,
    (request: object, options: object) => Promise<Message> & AsyncIterable<Message>
  >;
  const ask = client[method.localName];
  if (ask === undefined) throw new Error(`there is no ${method.name}`);
  const leaving = new AbortController();
  const options = { ...bearer(keyText), signal: leaving.signal };
  const say = (message: Message): string => JSON.stringify(toJson(method.output, message));
  try {
    if (method.methodKind === "unary") return say(await ask({}, options));
    if (method.methodKind === "client_streaming") return say(await ask(one({}), options));
    for await (const message of ask({}, options)) return say(message);
    return "";
  } catch (error) {
    return asText(error);
  } finally {
    leaving.abort();
  }
}
