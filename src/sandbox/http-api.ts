/** Which path does what: the three providers' APIs, the ledger and the control endpoint. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { DIALECTS, type Dialect } from "../providers/provider.ts";
import { anthropicVoice } from "./dialects/anthropic.ts";
import { kimiVoice } from "./dialects/kimi.ts";
import { openAiVoice } from "./dialects/openai.ts";
import { hasKey, type Voice } from "./dialects/voice.ts";
import { readText, serveCompletion } from "./exchange/exchange.ts";
import { FaultGrammarError } from "./faults/grammar.ts";
import type { FaultRule } from "./faults/rules.ts";
import { listFaults } from "./faults/table.ts";
import { isRecord, type JsonRecord, listOf, numberOf, parseJson, recordOf, stringOf } from "./json.ts";
import { entryJson, summaryJson } from "./ledger-json.ts";
import type { World } from "./world.ts";

export const VOICES: Readonly<Record<Dialect, Voice>> = {
  openai: openAiVoice,
  anthropic: anthropicVoice,
  kimi: kimiVoice,
};

/** Where each dialect's completions are, behind the server's address. */
export const COMPLETION_PATHS: Readonly<Record<Dialect, string>> = {
  openai: "/openai/v1/chat/completions",
  anthropic: "/anthropic/v1/messages",
  kimi: "/kimi/v1/chat/completions",
};

export type Connections = Readonly<{ openConnections(): number }>;
type Call = Readonly<{
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  world: World;
  connections: Connections;
}>;
type Handler = (call: Call) => void | Promise<void>;

const ROUTES: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ...DIALECTS.flatMap((dialect): [string, Handler][] => [
    [
      `POST ${COMPLETION_PATHS[dialect]}`,
      ({ request, response, world }) => serveCompletion(VOICES[dialect], request, response, world),
    ],
    [`GET /${dialect}/v1/models`, (call) => listModels(VOICES[dialect], call)],
  ]),
  ["GET /", (call) => send(call.response, 200, { sandbox: "modeltier", paths: [...ROUTES.keys()] })],
  ["GET /ledger", listLedger],
  ["DELETE /ledger", clearLedger],
  ["GET /ledger/summary", summarise],
  ["GET /control/faults", showFaults],
  ["PUT /control/faults", setFaults],
  ["DELETE /control/faults", clearFaults],
]);

/** Answers one request. Rejects when the client goes before its request is read. */
export async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  connections: Connections,
): Promise<void> {
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  const route = ROUTES.get(`${request.method} ${path}`);
  if (route === undefined) {
    request.resume();
    send(response, 404, { error: { message: "The sandbox does not know this path; GET / lists them." } });
  } else await route({ request, response, query: new URLSearchParams(query), world, connections });
}

function send(response: ServerResponse, status: number, body: JsonRecord): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}

function listModels(voice: Voice, { request, response, world }: Call): void {
  const context = { model: "", requestId: "req_sandbox" };
  if (!hasKey(request.headers)) {
    const { status, body } = voice.error("no-key", context);
    send(response, status, body);
    return;
  }
  const models = world.catalogue.models.filter(({ provider }) => provider === voice.dialect);
  send(response, 200, voice.models(models.map(({ model }) => model)));
}

function listLedger({ response, query, world, connections }: Call): void {
  const since = Number(query.get("since") ?? 0);
  if (!Number.isSafeInteger(since)) {
    send(response, 400, { error: { message: "since is a sequence number" } });
    return;
  }
  send(response, 200, {
    entries: world.ledger.entries(since).map(entryJson),
    open_exchanges: world.ledger.openExchanges,
    open_connections: connections.openConnections(),
  });
}

function clearLedger({ response, world }: Call): void {
  world.ledger.clear();
  response.writeHead(204).end();
}

function summarise({ response, world, connections }: Call): void {
  send(response, 200, {
    models: world.ledger.summary().map(summaryJson),
    open_exchanges: world.ledger.openExchanges,
    open_connections: connections.openConnections(),
  });
}

function showFaults({ response, world }: Call): void {
  send(response, 200, { faults: listFaults(), active: world.rules.list() });
}

async function setFaults({ request, response, world }: Call): Promise<void> {
  const rule = readRule(parseJson((await readText(request)) ?? ""));
  const wrong = typeof rule === "string" ? rule : setRule(world, rule);
  if (wrong === undefined) response.writeHead(204).end();
  else send(response, 400, { error: { message: wrong } });
}

/** What is wrong with the rule; undefined when it was set. */
function setRule(world: World, rule: FaultRule): string | undefined {
  try {
    world.rules.set(rule);
    return undefined;
  } catch (error) {
    if (error instanceof FaultGrammarError) return error.message;
    throw error;
  }
}

function clearFaults({ response, world }: Call): void {
  world.rules.clear();
  response.writeHead(204).end();
}

/** The rule, or what is wrong with it. */
function readRule(body: unknown): FaultRule | string {
  if (!isRecord(body) || !Array.isArray(body.faults))
    return 'The body is {"provider", "model", "faults": [{"fault"}]}';
  const provider = DIALECTS.find((dialect) => dialect === body.provider);
  if (body.provider !== undefined && provider === undefined)
    return `provider is one of ${DIALECTS.join(", ")}`;
  const faults = listOf(body.faults).map((entry) => ({
    fault: stringOf(recordOf(entry).fault),
    times: numberOf(recordOf(entry).times),
  }));
  const odd = faults.find(({ fault, times }) => fault === "" || !isCount(times));
  if (odd !== undefined) return "Every entry of faults has a fault, and times as a whole number from 1";
  return { provider, model: body.model === undefined ? undefined : stringOf(body.model), faults };
}

const isCount = (times: number | undefined): boolean =>
  times === undefined || (Number.isInteger(times) && times >= 1);
