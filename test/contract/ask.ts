/** Asking a provider and keeping all that it answered. */
import type {
  CompletionEvent,
  CompletionRequest,
  Dialect,
  ModelProvider,
} from "../../src/providers/provider.ts";
import { createProviders, type ProviderConfig } from "../../src/providers/registry.ts";
import type { Transport } from "../../src/providers/transport.ts";

export const KEY = "canary-key-1234";

/** A plain question; the parameters are those of a current model. */
export function question(changes: Partial<CompletionRequest> = {}): CompletionRequest {
  return {
    model: "some-model",
    parameters: {
      temperature: false,
      topP: false,
      seed: false,
      stopSequences: 4,
      outputCap: "max_completion_tokens",
      systemRole: "system",
    },
    messages: [{ role: "user", parts: [{ kind: "text", text: "Say hi" }] }],
    tools: [],
    responseFormat: { kind: "text" },
    maxOutputTokens: 4_096,
    ...changes,
  };
}

export function providerOf(
  dialect: Dialect,
  transport: Transport,
  changes: Partial<ProviderConfig> = {},
): ModelProvider {
  const config = { id: dialect, dialect, baseUrl: "http://provider.test/v1", apiKey: KEY, ...changes };
  const provider = createProviders([config], transport).get(config.id);
  if (provider === undefined) throw new Error("the provider was not made");
  return provider;
}

export const unwatched = { onHeaders: () => {}, onBytes: () => {} };

/** All that a stream gave, and what it failed with. */
export type Heard = {
  events: CompletionEvent[];
  batches: (readonly CompletionEvent[])[];
  error: unknown;
};

/** Listens to the end, good or bad. */
export async function listen(
  provider: ModelProvider,
  request = question(),
  signal = new AbortController().signal,
): Promise<Heard> {
  const heard: Heard = { events: [], batches: [], error: undefined };
  try {
    for await (const batch of provider.stream(request, signal, unwatched)) {
      heard.batches.push(batch);
      heard.events.push(...batch);
    }
  } catch (error) {
    heard.error = error;
  }
  return heard;
}

/** What `complete` rejects with; undefined when it does not. */
export async function refusalOf(provider: ModelProvider, request = question()): Promise<unknown> {
  return provider.complete(request, new AbortController().signal, unwatched).then(
    () => undefined,
    (error: unknown) => error,
  );
}

export const textOf = (heard: Heard, kind: "text" | "reasoning" | "refusal" = "text"): string =>
  heard.events.map((event) => (event.kind === kind ? event.text : "")).join("");

export const finishOf = (heard: Heard) => heard.events.find((event) => event.kind === "finish");

/** Tool calls put together from their pieces, in order of their ordinals. */
export function toolCallsOf(heard: Heard): { id: string; name: string; arguments: string }[] {
  const calls: { id: string; name: string; arguments: string }[] = [];
  for (const event of heard.events) {
    if (event.kind !== "tool_call") continue;
    calls[event.index] ??= { id: event.id ?? "", name: event.name ?? "", arguments: "" };
    const call = calls[event.index];
    if (call !== undefined) call.arguments += event.argumentsJson;
  }
  return calls;
}
