/** What the offered tools say: how many, how intricate, and whether any of them seems to be for this request. */
import type { OfferedTool } from "./types.ts";
import { wordsOf } from "./words.ts";

const MOST_TOOLS = 32;
const MOST_CHARACTERS = 4_000;
const log = (count: number): number => Math.log2(1 + count);

export function toolFeatures(tools: readonly OfferedTool[], words: readonly string[]) {
  const asked = new Set(words.filter((word) => word.length > 3).map(stem));
  let parameters = 0;
  let nested = 0;
  let enums = 0;
  let matching = 0;
  let bestMatch = 0;
  let left = MOST_CHARACTERS;
  const looked = tools.slice(0, MOST_TOOLS);
  for (const { name, description, parametersJson } of looked) {
    const schema = parametersJson.slice(0, left);
    const about = `${name.slice(0, 200)} ${description.slice(0, 400)}`;
    left = Math.max(0, left - schema.length - about.length);
    parameters += occurrences(schema, '"type"');
    nested += occurrences(schema, '"properties"') - 1 + occurrences(schema, '"items"');
    enums += occurrences(schema, '"enum"');
    const match = overlap(about, asked);
    if (match > 0) matching++;
    if (match > bestMatch) bestMatch = match;
  }
  return {
    tools: log(tools.length),
    toolParameters: log(parameters),
    toolParametersEach: log(parameters / Math.max(1, looked.length)),
    toolNesting: log(Math.max(0, nested)),
    toolEnums: log(enums),
    toolMatches: log(matching),
    toolsMatching: looked.length === 0 ? 0 : matching / looked.length,
    bestToolMatch: bestMatch,
    noToolMatches: looked.length > 0 && bestMatch === 0 ? 1 : 0,
  };
}

/** The share of a tool's own words that the request uses, too. */
function overlap(about: string, asked: ReadonlySet<string>): number {
  const own = new Set(wordsOf(about.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2")).map(stem));
  let all = 0;
  let shared = 0;
  for (const word of own) {
    if (word.length < 4 || EVERY_TOOL.has(word)) continue;
    all++;
    if (asked.has(word)) shared++;
  }
  return all === 0 ? 0 : shared / all;
}

const EVERY_TOOL = new Set([
  "calc",
  "calcul",
  "retri",
  "retur",
  "given",
  "funct",
  "speci",
  "based",
  "from",
  "with",
  "that",
  "find",
  "fetch",
  "provi",
  "using",
]);

/** The beginning of a word, so that "calculating" meets "calculate". */
const stem = (word: string): string => word.slice(0, 5);

function occurrences(text: string, part: string): number {
  let found = 0;
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) found++;
  return found;
}
