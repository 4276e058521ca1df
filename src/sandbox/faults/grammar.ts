/** The grammar of faults: `<fault>[=<value>][,<fault>…][,once|,times=N]`, behind a `!` in a model name. */
import { definitionOf, type InjectedFault, isFaultName } from "./table.ts";

/** Faults that hit one attempt together, and how many attempts they hit. */
export type FaultPlan = Readonly<{
  faults: readonly InjectedFault[];
  /** Absent: every attempt. */
  times?: number;
}>;

/** Says what is wrong with a fault expression, for the person who wrote it. */
export class FaultGrammarError extends Error {
  override readonly name = "FaultGrammarError";
}

export type ModelName = Readonly<{ model: string; expression: string }>;

/** "gpt-4o-mini!cut=5" is the model "gpt-4o-mini" with the faults "cut=5". */
export function splitModelName(asked: string): ModelName {
  const at = asked.indexOf("!");
  return at < 0
    ? { model: asked, expression: "" }
    : { model: asked.slice(0, at), expression: asked.slice(at + 1) };
}

/**
 * @param expression `cut=40`, `429-retry-after=2,once`, `slow-headers=50,error-midstream=3:rate-limit`
 * @throws FaultGrammarError naming the part that is wrong
 */
export function parseFaults(expression: string): FaultPlan {
  let times: number | undefined;
  const faults: InjectedFault[] = [];
  for (const part of expression.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    if (part === "once") times = 1;
    else if (part.startsWith("times=")) times = wholeNumber(part.slice("times=".length), part);
    else faults.push(parseFault(part));
  }
  return { faults, times };
}

/** The fault as it would be written, with its values: for the ledger. */
export function formatFault(fault: InjectedFault): string {
  const { amount, word } = definitionOf(fault.name);
  const isUsualStatus = amount?.unit === "status" && fault.amount === amount.usual;
  const values = [
    amount === undefined || isUsualStatus ? "" : String(fault.amount),
    word === undefined ? "" : fault.word,
  ];
  const value = values.filter((part) => part !== "").join(":");
  return value === "" ? fault.name : `${fault.name}=${value}`;
}

function parseFault(part: string): InjectedFault {
  const at = part.indexOf("=");
  const name = at < 0 ? part : part.slice(0, at);
  if (!isFaultName(name))
    throw new FaultGrammarError(`"${name}" is not a fault; GET /control/faults lists them`);
  const { amount, word } = definitionOf(name);
  const written = at < 0 ? "" : part.slice(at + 1);
  const [number = "", text = ""] = amount === undefined ? ["", written] : splitValue(written);
  return {
    name,
    amount: number === "" ? (amount?.usual ?? 0) : wholeNumber(number, part),
    word: text === "" ? (word?.usual ?? "") : knownWord(text, word?.oneOf ?? [], part),
  };
}

function knownWord(text: string, oneOf: readonly string[] | "any file", part: string): string {
  if (oneOf === "any file" || oneOf.includes(text)) return text;
  const remedy = oneOf.length === 0 ? "takes no such value" : `takes one of ${oneOf.join(", ")}`;
  throw new FaultGrammarError(`"${part}" ${remedy}`);
}

/** "5:overloaded" is a number and a word; either may be missing. */
function splitValue(written: string): readonly string[] {
  const at = written.indexOf(":");
  if (at >= 0) return [written.slice(0, at), written.slice(at + 1)];
  return /^\d/.test(written) ? [written, ""] : ["", written];
}

function wholeNumber(text: string, part: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new FaultGrammarError(`"${part}": ${text} is not a whole number`);
  return Number(text);
}
