/** OpenAI's HTTP API, as far as it is served: chat completions and models. */
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OpenAI } from "openai";
import { targetKey } from "../routing/types.ts";
import type { CallTracer } from "../rpc/call-tracer.ts";
import { identityOfRequest } from "../rpc/http-gate.ts";
import { bytesOfBody } from "../rpc/request-bytes.ts";
import { ApiError, modelNotFound } from "./api-error.ts";
import { answerChat, type ChatCaller, type ChatDeps } from "./chat-completions.ts";
import { ofHttp } from "./errors.ts";
import { CHOICES, findTarget, listCallable, type ModelsDeps } from "./models.ts";

/** Adds `/v1`. */
export function addOpenAiApi(app: FastifyInstance, deps: ChatDeps): void {
  /** The list has a date for every model; nobody knows a better one. */
  const created = Math.floor(deps.wallMs() / 1000);
  app.register(
    async (api) => {
      api.removeContentTypeParser("text/plain"); // which Fastify would take for a body that is a string
      api.setErrorHandler((error, _, reply) => send(reply, ofHttp(error, deps.log)));
      api.setNotFoundHandler(({ method, url }, reply) => send(reply, notServed(`${method} ${url}`)));
      const preParsing = holdPlace(deps.door);
      api.post("/chat/completions", { preParsing }, (request, reply) => {
        reply.hijack();
        return deps.tracer === undefined
          ? answerChat(request.body, request.headers, reply.raw, deps, callerOf(request))
          : answerTraced(request, reply.raw, deps, deps.tracer);
      });
      api.get("/models", async () => ({ object: "list", data: listModels(deps.models(), created) }));
      api.get<{ Params: { "*": string } }>("/models/*", async ({ params }) =>
        getModel(params["*"], deps.models(), created),
      );
    },
    { prefix: "/v1" },
  );
}

/** Before the body is read: a request that is refused costs nothing more. Its place is held until the response is over. */
const holdPlace =
  (door: ChatDeps["door"]) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (door === undefined) return;
    const bytes = bytesOfBody(request.headers["content-length"]);
    const place = await door.enter(callerOf(request).keyId ?? "", bytes);
    if (reply.raw.destroyed) place.leave();
    else reply.raw.once("close", () => place.leave());
  };

/** Answers, and traces that with the status that the caller got. */
async function answerTraced(
  request: FastifyRequest,
  response: ServerResponse,
  deps: ChatDeps,
  tracer: CallTracer,
): Promise<void> {
  const { body, headers } = request;
  const trace = tracer.startHttp("POST", "/v1/chat/completions", (name) => textOf(headers[name]));
  await answerChat(body, headers, response, deps, { ...callerOf(request), observer: trace.observer });
  trace.end(response.headersSent ? response.statusCode : undefined);
}

const callerOf = (request: FastifyRequest): ChatCaller => ({
  keyId: identityOfRequest(request)?.keyId ?? "",
});

/** Node joins what came more than once, where that may be. */
const textOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : value?.join(", ");

function listModels(models: ModelsDeps, created: number): readonly OpenAI.Model[] {
  const choices = CHOICES.map((id) => modelObject(id, "modeltier", created));
  return [
    ...choices,
    ...listCallable(models).map((target) => modelObject(targetKey(target), target.provider, created)),
  ];
}

/** @throws ApiError model_not_found */
function getModel(name: string, models: ModelsDeps, created: number): OpenAI.Model {
  const target = findTarget(name, models);
  const id = target === undefined ? name : targetKey(target);
  const model = listModels(models, created).find((one) => one.id === id);
  if (model !== undefined) return model;
  throw modelNotFound("model", "There is no such model here; GET /v1/models lists those there are.");
}

const modelObject = (id: string, ownedBy: string, created: number): OpenAI.Model => ({
  id,
  object: "model",
  created,
  owned_by: ownedBy,
});

const notServed = (what: string): ApiError =>
  new ApiError({
    status: 404,
    type: "invalid_request_error",
    code: "unknown_url",
    message: `Nothing is served at ${what.slice(0, 200)}: there are POST /v1/chat/completions and GET /v1/models.`,
  });

/**
 * A body that is too large is refused while it is still being sent. Fastify would have the connection closed then, and a caller who has not
 * sent all of it reads a reset in place of the answer; what still comes is read and thrown away by Node.
 */
const send = (reply: FastifyReply, error: ApiError): FastifyReply =>
  reply
    .removeHeader("connection")
    .code(error.details.status)
    .headers(error.headers)
    .type("application/json; charset=utf-8")
    .send(error.json);
