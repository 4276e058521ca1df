/** What the sandbox answers, piece by piece: every piece is one token. The dialects only put it into frames. */
import type { Ask, Directives, OfferedTool } from "./ask.ts";
import { instanceOf } from "./schema-instance.ts";
import { openingFor, writeText } from "./text.ts";
import { splitTokens } from "./tokens.ts";

export type Piece = Readonly<
  /** A reasoning token that the caller does not see. */
  | { kind: "hidden" }
  | { kind: "reasoning" | "text" | "refusal"; text: string }
  /** A tool call begins: its name is one token. `ordinal` counts the calls of this answer from 0. */
  | { kind: "call"; ordinal: number; name: string }
  | { kind: "arguments"; ordinal: number; text: string }
>;

export type Finish = "stop" | "stop_sequence" | "length" | "tool_calls" | "refusal";

export type Answer = Readonly<{
  /** Can be iterated again, and gives the same pieces. May have no end. */
  pieces: Iterable<Piece>;
  finish: Finish;
  /** The one that ended the text. */
  stopSequence?: string;
}>;

const REASONING_TOKENS = 12;
const REASONING =
  "The question is plain, so the sandbox thinks for a moment, checks its words once and answers. ";
const REFUSAL = "I'm sorry, but the sandbox was asked to refuse this request.";
const MOST_CALLS = 64;

/**
 * The answer to a request: the same request and seed always give the same one.
 * @param seed hex digest of the prompt and the model
 */
export function answerTo(ask: Ask, directives: Directives, seed: string): Answer {
  const body = bodyFor(ask, directives, seed);
  const pieces = [...reasoningFor(ask, directives), ...body.pieces];
  const limit = ask.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  return pieces.length > limit ? { pieces: pieces.slice(0, limit), finish: "length" } : { ...body, pieces };
}

/** An answer that repeats one token and never ends. */
export const endlessAnswer = (): Answer => ({
  pieces: {
    *[Symbol.iterator]() {
      while (true) yield { kind: "text", text: " again" } as const;
    },
  },
  finish: "length",
});

type Body = Readonly<{ pieces: readonly Piece[]; finish: Finish; stopSequence?: string }>;

function bodyFor(ask: Ask, directives: Directives, seed: string): Body {
  if (directives.refuse) return { pieces: textPieces("refusal", splitTokens(REFUSAL)), finish: "refusal" };
  const calls = toolsToCall(ask, directives);
  if (calls.length > 0) return { pieces: calls.flatMap(callPieces), finish: "tool_calls" };
  const tokens = ask.format.kind === "text" ? proseFor(ask, directives, seed) : splitTokens(jsonFor(ask));
  return stopAt(tokens, ask.stop);
}

function proseFor(ask: Ask, directives: Directives, seed: string): readonly string[] {
  const named = directives.seed === undefined ? ask.model : undefined;
  const opening = openingFor(named, ask.lastMessage === "user" ? ask.lastUserText : "");
  return writeText({
    seed: Buffer.from(seed, "hex"),
    opening: ask.lastMessage === "tool" ? `The tool has answered. ${opening}` : opening,
    unicode: directives.unicode,
    tokens: directives.tokens,
    minimumTokens: directives.minimumTokens,
  });
}

function jsonFor(ask: Ask): string {
  if (ask.format.kind === "json_schema") return JSON.stringify(instanceOf(ask.format.schema));
  return JSON.stringify({ message: openingFor(ask.model, ""), sandbox: true });
}

/** Equal tokens share a piece: a long answer is few words, many times. */
function textPieces(kind: "text" | "refusal", tokens: readonly string[]): readonly Piece[] {
  const known = new Map<string, Piece>();
  return tokens.map((text) => {
    const piece = known.get(text) ?? { kind, text };
    known.set(text, piece);
    return piece;
  });
}

/** Cuts the text before the first stop sequence. */
function stopAt(tokens: readonly string[], stops: readonly string[]): Body {
  const text = stops.length === 0 ? "" : tokens.join("");
  const found = stops
    .map((stop) => ({ stop, at: stop === "" ? -1 : text.indexOf(stop) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)[0];
  if (found === undefined) return { pieces: textPieces("text", tokens), finish: "stop" };
  const kept = splitTokens(text.slice(0, found.at));
  return { pieces: textPieces("text", kept), finish: "stop_sequence", stopSequence: found.stop };
}

function reasoningFor(ask: Ask, directives: Directives): readonly Piece[] {
  if (ask.reasoning === "none") return [];
  const length = directives.reasoningTokens ?? REASONING_TOKENS;
  const words = splitTokens(REASONING);
  return Array.from({ length }, (_, index) =>
    ask.reasoning === "hidden"
      ? { kind: "hidden" }
      : { kind: "reasoning", text: words[index % words.length] ?? "." },
  );
}

/** Forced tools, or those that the last user message names; none once a tool has answered. */
function toolsToCall(ask: Ask, directives: Directives): readonly OfferedTool[] {
  if (ask.tools.length === 0 || ask.toolChoice.kind === "none" || ask.lastMessage === "tool") return [];
  const chosen = chosenTools(ask);
  const [first] = chosen;
  if (first === undefined || !ask.parallelToolCalls) return chosen.slice(0, 1);
  const repeated = directives.calls ?? 0;
  return repeated > 0 ? Array.from({ length: Math.min(repeated, MOST_CALLS) }, () => first) : chosen;
}

function chosenTools(ask: Ask): readonly OfferedTool[] {
  const { toolChoice } = ask;
  if (toolChoice.kind === "tool") return ask.tools.filter((tool) => tool.name === toolChoice.name);
  const said = ask.lastUserText.toLowerCase();
  const named = ask.tools.filter((tool) => tool.name !== "" && said.includes(tool.name.toLowerCase()));
  return named.length === 0 && toolChoice.kind === "required" ? ask.tools.slice(0, 1) : named;
}

function callPieces(tool: OfferedTool, ordinal: number): readonly Piece[] {
  const given = instanceOf(tool.parameters ?? { type: "object" });
  const text = JSON.stringify(given ?? {});
  return [
    { kind: "call", ordinal, name: tool.name },
    ...splitTokens(text).map((piece) => ({ kind: "arguments", ordinal, text: piece }) as const),
  ];
}
