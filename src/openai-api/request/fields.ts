/**
 * What becomes of each field of a request body, in one table.
 *
 * Read: it reaches the model, or says how to answer. Refused: without it the answer would lack what its caller looks for, or
 * break a limit that its caller set. Everything else is ignored and named in `x-modeltier-dropped`: it says how hard, how
 * fast, where or on whose account to work, and the answer is an answer without it. Unknown fields are ignored as well.
 */
import { unsupportedParameter } from "../api-error.ts";

type Refusal = Readonly<{
  /** The values, null among them, that ask for nothing. */
  asksForNothing: (value: unknown) => boolean;
  remedy: string;
}>;

const never = (): boolean => false;
const isZero = (value: unknown): boolean => value === 0;
const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && Object.keys(value ?? {}).length === 0;
const leaveItOut = "leave it out";

const READ: ReadonlySet<string> = new Set([
  "model",
  "models",
  "messages",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "response_format",
  "stop",
  "seed",
  "temperature",
  "top_p",
  "max_tokens",
  "max_completion_tokens",
  "stream",
  "stream_options",
  "metadata",
  "user",
]);

const REFUSED: Readonly<Record<string, Refusal>> = {
  n: { asksForNothing: (value) => value === 1, remedy: "one answer comes of one call" },
  logprobs: { asksForNothing: (value) => value === false, remedy: "not every provider tells them" },
  top_logprobs: { asksForNothing: isZero, remedy: "not every provider tells them" },
  logit_bias: { asksForNothing: isEmpty, remedy: "tokens differ from model to model" },
  frequency_penalty: { asksForNothing: isZero, remedy: leaveItOut },
  presence_penalty: { asksForNothing: isZero, remedy: leaveItOut },
  modalities: { asksForNothing: isTextOnly, remedy: "answers are text" },
  audio: { asksForNothing: never, remedy: "answers are text" },
  prediction: { asksForNothing: never, remedy: leaveItOut },
  functions: { asksForNothing: isEmpty, remedy: "use tools" },
  function_call: { asksForNothing: never, remedy: "use tool_choice" },
  web_search_options: { asksForNothing: never, remedy: "offer a tool that searches" },
  moderation: { asksForNothing: never, remedy: leaveItOut },
};

/** @throws ApiError unsupported_parameter for the first field that is refused */
export function refuseUnserved(body: Readonly<Record<string, unknown>>): void {
  for (const [name, { asksForNothing, remedy }] of Object.entries(REFUSED)) {
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    const isAsked = value !== undefined && value !== null && !asksForNothing(value);
    if (isAsked) throw unsupportedParameter(name, remedy);
  }
}

/** A body can have any number of fields, and a header cannot. */
const MOST_NAMED = 16;

/** The fields that ask for something and make no difference, as far as their names can stand in a header. */
export function listIgnored(body: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(body)
    .filter(
      ([name, value]) =>
        value !== null && value !== false && !READ.has(name) && !Object.hasOwn(REFUSED, name),
    )
    .map(([name]) => name)
    .filter((name) => /^\w{1,64}$/.test(name))
    .slice(0, MOST_NAMED);
}

function isTextOnly(value: unknown): boolean {
  return Array.isArray(value) && value.every((modality) => modality === "text");
}
