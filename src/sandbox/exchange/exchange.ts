/** One attempt of a client, from its request to its entry in the ledger. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Voice } from "../dialects/voice.ts";
import { FaultGrammarError, formatFault, type ModelName, splitModelName } from "../faults/grammar.ts";
import { isRecord, parseJson, recordOf, stringOf } from "../json.ts";
import type { Attempt } from "../ledger.ts";
import type { World } from "../world.ts";
import { type PlanContext, planReply, refuse, refuseAsBad } from "./plan.ts";
import { Player } from "./player.ts";
import type { Reply } from "./reply.ts";

/** As Anthropic documents it; the others say nothing. */
export const LARGEST_REQUEST_BYTES = 32 * 1024 * 1024;

/**
 * Reads a request to its end. Ends without an answer when the client goes before.
 * @returns undefined when it is larger than allowed
 */
export async function readText(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= LARGEST_REQUEST_BYTES) parts.push(part);
  }
  return bytes > LARGEST_REQUEST_BYTES ? undefined : Buffer.concat(parts).toString("utf8");
}

/** Answers a completion request, with the faults that its model's name or the rules ask for. */
export async function serveCompletion(
  voice: Voice,
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
): Promise<void> {
  const text = await readText(request);
  const body = text === undefined ? undefined : parseJson(text);
  const asked = splitModelName(stringOf(recordOf(body).model));
  const attempt = world.ledger.begin({
    provider: voice.dialect,
    modelAsked: stringOf(recordOf(body).model),
    model: asked.model,
    stream: recordOf(body).stream === true,
  });
  response.once("close", () => attempt.end(world.isClosing() ? "closed_by_sandbox" : "aborted_by_client"));
  const { requestId } = attempt.entry;
  const context = { voice, world, reply: { model: asked.model, requestId, wallMs: world.clock.wallMs() } };
  const reply =
    text === undefined
      ? refuse(voice.error("too-large", context.reply), context)
      : await replyTo(body, request.headers, asked, attempt, context);
  if (attempt.isOpen) perform(reply, response, attempt, world);
}

async function replyTo(
  body: unknown,
  headers: IncomingHttpHeaders,
  { model, expression }: ModelName,
  attempt: Attempt,
  context: PlanContext,
): Promise<Reply> {
  if (!isRecord(body)) {
    return refuseAsBad({ message: "We could not parse the JSON body of your request." }, context);
  }
  try {
    const faults = context.world.rules.take(context.voice.dialect, model, expression);
    attempt.injected(faults.map(formatFault).join(","));
    return await planReply({ body, headers, model }, faults, context);
  } catch (error) {
    if (error instanceof FaultGrammarError) return refuseAsBad({ message: `${error.message}.` }, context);
    throw error;
  }
}

/** Plays the reply and writes down what happens to it. */
function perform(reply: Reply, response: ServerResponse, attempt: Attempt, world: World): void {
  let isBilled = false;
  const player = new Player(reply.items, response, world.pace, {
    onHeaders: () => {
      attempt.headersSent(reply.status);
      const date = new Date(world.clock.wallMs()).toUTCString();
      response.writeHead(reply.status, { ...reply.headers, date });
    },
    onPlayed: (item) => {
      if (!isBilled && !item.failed && reply.prompt !== undefined) {
        attempt.begins(reply.prompt);
        isBilled = true;
      }
      attempt.played(item);
    },
    onEnd: (how) => attempt.end(how),
  });
  response.once("close", () => player.stop());
  player.start();
}
