/** The numbers a request is scored on: what can be counted in it, each belonging to a group that an operator knows. */
import { countConditionWords, countReferences } from "../routing/text-signals.ts";
import { classicFactors } from "./classic-factors.ts";
import { excerptOf } from "./excerpt.ts";
import { LEXICA } from "./lexica.ts";
import { scriptsOf } from "./scripts.ts";
import { toolFeatures } from "./tool-features.ts";
import type { Group, ScorableRequest } from "./types.ts";
import { wordsOf } from "./words.ts";

export type Feature = Readonly<{ name: string; group: Group }>;
export type Features = Readonly<{
  /** One for each of `FEATURES`, finite. */
  values: Float64Array;
  words: readonly string[];
}>;

/** Counts are taken as logarithms: the tenth number of a text says less than the first. */
const log = (count: number): number => Math.log2(1 + count);

/** Pure, and bounded in the characters looked at. */
export function featuresOf(request: ScorableRequest): Features {
  const values = new Float64Array(FEATURES.length);
  let next = 0;
  const words = measure(request, (_, counted) => {
    for (const name in counted) values[next++] = counted[name] ?? 0;
  });
  return { values, words };
}

type Take = (group: Group, counted: Readonly<Record<string, number>>) => void;

/** Tells `add` all features, always the same ones in the same order, and returns the words looked at. */
function measure(request: ScorableRequest, add: Take): readonly string[] {
  const { text, characters } = excerptOf(request.texts);
  const words = wordsOf(text);
  const last = request.texts.at(-1)?.length ?? 0;
  add("length", lengthOf(text, words, characters));
  add("layout", layoutOf(text));
  add("vocabulary", vocabularyOf(words));
  add("numbers", numbersOf(text, words));
  const counts = countLexica(words);
  add("mathematics", {
    mathWords: log(counts.mathematics),
    mathSigns: log(count(text, /[=^√∑∫≤≥≠±×÷→∞∂∈∀∃π]|\\[a-z]{2,}/g)),
    operators: log(count(text, /[\d)\w] ?[-+*/] ?[\d(\w]/g)),
    equations: log(count(text, /\w\s*=\s*[\w(-]/g)),
  });
  add("code", codeOf(text, counts.code));
  add("question", {
    questionMarks: log(count(text, /[?？؟]/g)),
    endsAsQuestion: /[?？؟]\s*(?:Answer:)?\s*$/.test(text.slice(-200)) ? 1 : 0,
    asksFact: log(counts.factual),
    asksWhy: log(counts.why),
    asksWhich: log(counts.which),
    asksHowMany: log(count(text, /\bhow (?:many|much|long|far|often|old)\b/gi)),
    asksToMake: log(counts.make),
    asksToAct: log(counts.act),
    blank: log(count(text, /_{3,}|\.{4,}/g)),
    firstPerson: log(counts.firstPerson),
    requests: log(
      count(
        text,
        /[?？؟]|(?:^|[.!] |, (?:and |then )?)(?:find|get|calculate|give|tell|show|book|list|convert|what|how|who|can)\b/gi,
      ),
    ),
  });
  add("choices", choicesOf(text));
  add("logic", {
    conditions: log(countConditionWords(text)),
    negations: log(counts.negation),
    quantifiers: log(counts.quantifier),
    comparisons: log(counts.comparison),
    causes: log(counts.cause),
    times: log(counts.time),
    ordinals: log(counts.ordinal),
    connectives: log(counts.connective),
  });
  add("format", {
    formatWords: log(counts.format),
    steps: log(count(text, /step[- ]by[- ]step|think (?:through|carefully)|show (?:your|the) work/gi)),
    onlyAnswer: log(
      count(text, /\bonly (?:the|output|return|answer|respond)|\bjust (?:the|answer)|Answer:/gi),
    ),
    references: log(countReferences(text)),
  });
  add("language", scriptsOf(text, words));
  add("tools", toolFeatures(request.tools ?? [], words));
  const messages = request.messages ?? request.texts.length;
  add("conversation", {
    messages: log(messages),
    shareOfLast: messages > 1 ? last / Math.max(1, characters) : 1,
  });
  const { count: attached = 0, bytes = 0 } = request.attachments ?? {};
  add("attachments", { attached: log(attached), attachedBytes: log(bytes) });
  add("factors", request.factors ?? classicFactors(text, characters, bytes));
  return words;
}

const count = (text: string, pattern: RegExp): number => {
  let matches = 0;
  pattern.lastIndex = 0;
  while (pattern.exec(text) !== null) matches++;
  return matches;
};

function lengthOf(text: string, words: readonly string[], characters: number) {
  const sentences = Math.max(1, count(text, /[.!?。！？؟](?=\s|$)/g));
  return {
    characters: log(characters),
    words: log(words.length),
    sentences: log(sentences),
    wordsInSentence: log(words.length / sentences),
  };
}

function layoutOf(text: string) {
  const lines = text.split("\n");
  let longest = 0;
  let shortest = 0;
  for (const line of lines) {
    if (line.length > longest) longest = line.length;
    if (line.length > 0 && line.length < 30) shortest++;
  }
  return {
    lines: log(lines.length),
    longestLine: log(longest),
    shortLines: shortest / lines.length,
    bullets: log(count(text, /^[ \t]*[-*•][ \t]/gm)),
    numbered: log(count(text, /^[ \t]*\d{1,2}[.)][ \t]/gm)),
    quotes: log(count(text, /["“”«»]/g)),
    apostrophes: log(count(text, /'/g)),
    brackets: log(count(text, /[([{]/g)),
    colons: log(count(text, /[:;]/g)),
    commas: log(count(text, /[,、،]/g)),
    capitals: log(count(text, /\b\p{Lu}\p{Ll}+/gu)),
    names: log(new Set(Array.from(text.matchAll(/[\p{Ll},;] (\p{Lu}\p{Ll}+)/gu), (match) => match[1])).size),
    shouted: log(count(text, /\b\p{Lu}{2,}\b/gu)),
  };
}

function vocabularyOf(words: readonly string[]) {
  let letters = 0;
  let long = 0;
  let veryLong = 0;
  let common = 0;
  for (const word of words) {
    letters += word.length;
    if (word.length >= 8) long++;
    if (word.length >= 12) veryLong++;
    if (LEXICA.common.has(word)) common++;
  }
  const all = Math.max(1, words.length);
  return {
    wordLength: letters / all,
    longWords: long / all,
    veryLongWords: veryLong / all,
    commonWords: common / all,
    variety: new Set(words).size / Math.sqrt(all),
  };
}

function numbersOf(text: string, words: readonly string[]) {
  const numbers = words.filter((word) => word.charCodeAt(0) <= 0x39 && word.charCodeAt(0) >= 0x30);
  let longest = 0;
  for (const number of numbers) if (number.length > longest) longest = number.length;
  return {
    numbers: log(numbers.length),
    numbersShare: numbers.length / Math.max(1, words.length),
    differentNumbers: log(new Set(numbers).size),
    longestNumber: log(longest),
    decimals: log(count(text, /\d[.,]\d/g)),
    percents: log(count(text, /\d ?%|\bpercent/gi)),
    money: log(count(text, /[$€£¥₹]\s?\d|\b(?:dollars?|euros?|cents?)\b/gi)),
    fractions: log(count(text, /\d\/\d|\b(?:half|third|quarter|twice|double|triple)\b/gi)),
    numbersInSentence: numbers.length / Math.max(1, count(text, /[.!?](?=\s|$)/g)),
    digits: log(count(text, /\d/g)),
    years: log(count(text, /\b(?:1[5-9]|20)\d\d\b/g)),
  };
}

function codeOf(text: string, codeWords: number) {
  return {
    codeWords: log(codeWords),
    fences: log(count(text, /```|\[PYTHON\]|<code>/g)),
    indented: log(count(text, /^(?: {4}|\t)+\S/gm)),
    braces: log(count(text, /[{}]/g)),
    statements: log(count(text, /;[ \t]*$|:[ \t]*$/gm)),
    calls: log(count(text, /\w\((?=[^)])/g)),
    methods: log(count(text, /\w\.\w+\(/g)),
    subscripts: log(count(text, /\[[^\]\n]{0,40}\]/g)),
    loops: log(count(text, /^[ \t]*(?:for|while)\b/gm)),
    branches: log(count(text, /^[ \t]*(?:if|elif|else|case|try|except)\b/gm)),
    definitions: log(count(text, /^[ \t]*(?:def|class|function|import|from|return|assert)\b/gm)),
    nesting: deepest(text),
    textMethods: log(count(text, TEXT_METHODS)),
    listMethods: log(count(text, LIST_METHODS)),
    slices: log(count(text, /\[[^\]\n]{0,20}:[^\]\n]{0,20}\]/g)),
    operatorsInCode: log(count(text, /[-+*/%]=|[<>]=?|[!=]=|%|\/\//g)),
    ...literalsOf(text),
  };
}

const TEXT_METHODS =
  /\.(?:replace|split|rsplit|strip|lstrip|rstrip|join|find|rfind|index|rindex|count|upper|lower|title|capitalize|swapcase|isalpha|isdigit|isalnum|isupper|islower|isspace|startswith|endswith|partition|rpartition|translate|encode|decode|center|ljust|rjust|zfill|splitlines|charAt|substring|toUpperCase|toLowerCase)\(/g;
const LIST_METHODS =
  /\.(?:append|extend|insert|remove|pop|sort|reverse|clear|copy|update|items|keys|values|get|setdefault|add|discard|push|shift|splice|map|filter|reduce)\(/g;

/** What is quoted in code: nothing else is as hard for a model to follow as the characters of a text. */
function literalsOf(text: string) {
  let characters = 0;
  let longest = 0;
  let odd = 0;
  let found = 0;
  for (const [literal] of text.matchAll(/'[^'\n]{0,200}'|"[^"\n]{0,200}"/g)) {
    found++;
    characters += literal.length - 2;
    if (literal.length > longest) longest = literal.length;
    odd += count(literal.slice(1, -1), /[^A-Za-z ]/g);
  }
  return {
    literals: log(found),
    literalCharacters: log(characters),
    longestLiteral: log(longest),
    oddCharacters: log(odd),
  };
}

function deepest(text: string): number {
  let depth = 0;
  let most = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x28 || code === 0x5b || code === 0x7b) {
      if (++depth > most) most = depth;
    } else if ((code === 0x29 || code === 0x5d || code === 0x7d) && depth > 0) depth--;
  }
  return log(most);
}

function choicesOf(text: string) {
  const choices = [...text.matchAll(/^[ \t]*\(?[A-Ea-e][.):][ \t]*(.*)$/gm)].map((match) => match[1] ?? "");
  let characters = 0;
  let numeric = 0;
  for (const choice of choices) {
    characters += choice.length;
    if (/^[-+$€£(]?\d/.test(choice)) numeric++;
  }
  const all = Math.max(1, choices.length);
  return {
    choices: log(choices.length),
    choiceOverlap: overlapOf(choices),
    choiceLength: log(characters / all),
    numericChoices: numeric / all,
    statements: log(count(text, /\bstatement \d|\b(?:true|false)\b/gi)),
    combined: log(
      count(text, /\b(?:all|none|both|neither) of the\b|\b(?:i|ii|iii|iv) and (?:ii|iii|iv)\b/gi),
    ),
  };
}

/** The share of words that a choice has in common with the one before: choices that look alike are hard to tell apart. */
function overlapOf(choices: readonly string[]): number {
  let shared = 0;
  let all = 0;
  let before = new Set<string>();
  for (const choice of choices.slice(0, 12)) {
    const words = new Set(choice.slice(0, 400).toLowerCase().split(/\s+/));
    if (before.size > 0) for (const word of words) if (before.has(word)) shared++;
    if (before.size > 0) all += words.size;
    before = words;
  }
  return all === 0 ? 0 : shared / all;
}

type Counts = Record<keyof typeof LEXICA, number>;
const NAMES = Object.keys(LEXICA) as (keyof typeof LEXICA)[];

/** One look-up a word, however many sets there are. */
const SETS_OF = new Map<string, (keyof Counts)[]>();
for (const name of NAMES) {
  for (const word of LEXICA[name]) SETS_OF.set(word, [...(SETS_OF.get(word) ?? []), name]);
}

function countLexica(words: readonly string[]): Counts {
  const counts = Object.fromEntries(NAMES.map((name) => [name, 0])) as Counts;
  for (const word of words) {
    for (const name of SETS_OF.get(word) ?? NONE) counts[name]++;
  }
  return counts;
}
const NONE: readonly (keyof Counts)[] = [];

/** All features, in the order of their values. */
export const FEATURES: readonly Feature[] = listFeatures();

function listFeatures(): Feature[] {
  const features: Feature[] = [];
  measure({ texts: [""] }, (group, counted) => {
    for (const name in counted) features.push({ name, group });
  });
  return features;
}
