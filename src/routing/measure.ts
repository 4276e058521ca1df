/** What the four measured factors are taken from: a step as its planner wrote it, or chat messages in its place. */
import type { Measurements } from "./complexity.ts";
import { codePoints, countConditionWords, countReferences, utf8Bytes } from "./text-signals.ts";
import type { ChatInput, Condition, Step, StepType } from "./types.ts";

/**
 * The measurements of a step. A number the caller sent wins over the one that would be derived.
 * @param type the step's type, with the request's intent already in place of `unspecified`
 */
export function measureStep(step: Step, type: StepType): Measurements {
  const { measured } = step;
  return {
    prompt: measured.promptCharacters ?? stepCharacters(step),
    data: measured.dataBytes ?? utf8Bytes(step.paramsJson) + step.inputDataBytes,
    conditions: measured.conditions ?? stepConditions(step, type),
    context: measured.references ?? stepReferences(step),
  };
}

/** The same four taken from chat messages: their text is the prompt and, with what is attached, the data. */
export function measureChat(chat: ChatInput): Measurements {
  let prompt = 0;
  let data = chat.attachmentBytes;
  let conditions = 0;
  let context = 0;
  for (const text of chat.texts) {
    const bytes = utf8Bytes(text);
    prompt += codePoints(text, bytes);
    data += bytes;
    conditions += countConditionWords(text);
    context += countReferences(text);
  }
  return { prompt, data, conditions, context };
}

/** Length of the messages' text in Unicode code points, reasoning included. */
export function chatCharacters(chat: ChatInput): number {
  let characters = reasoningCharacters(chat);
  for (const text of chat.texts) characters += codePoints(text);
  return characters;
}

/** Length of the reasoning that goes back with the messages, in Unicode code points. */
export function reasoningCharacters({ reasoning }: ChatInput): number {
  let characters = 0;
  for (const text of reasoning?.texts ?? []) characters += codePoints(text);
  return characters;
}

const stepCharacters = (step: Step): number =>
  codePoints(step.name) +
  codePoints(step.description) +
  codePoints(step.prompt) +
  codePoints(step.paramsJson);

/** Only a conditional step branches on its `condition` and only a switch on its cases; `execute_if` guards any step. */
function stepConditions(step: Step, type: StepType): number {
  const own = type === "conditional" || type === "switch" ? sumLeaves(step.condition, oneEach) : 0;
  const cases = type === "switch" ? step.switchCases : 0;
  return own + cases + sumLeaves(step.executeIf, oneEach);
}

const stepReferences = (step: Step): number =>
  countReferences(step.name) +
  countReferences(step.description) +
  countReferences(step.prompt) +
  countReferences(step.paramsJson) +
  sumLeaves(step.condition, countReferences) +
  sumLeaves(step.executeIf, countReferences);

const oneEach = (): number => 1;

/** The sum of a number over a condition's leaves; `all`, `any` and `not` add nothing of their own. */
function sumLeaves(condition: Condition | undefined, of: (expression: string) => number): number {
  if (condition === undefined) return 0;
  if (condition.kind === "leaf") return of(condition.expression);
  if (condition.kind === "not") return sumLeaves(condition.condition, of);
  let sum = 0;
  for (const member of condition.conditions) sum += sumLeaves(member, of);
  return sum;
}
