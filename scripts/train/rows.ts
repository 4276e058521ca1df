/** Graded prompts from outside the repository, as the scorer sees them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ScorableRequest } from "../../src/scoring/types.ts";

export type Row = Readonly<{
  id: string;
  source: string;
  task: string;
  agent: string;
  fold: number;
  request: ScorableRequest;
  /** Success in [0, 1] of the source's weak and strong model. */
  weak: number;
  strong: number;
  outcomes: Readonly<Record<string, Readonly<{ score: number; cost?: number }>>>;
}>;

type Tool = Readonly<{ name: string; description?: string; parameters?: unknown }>;
type Stored = Omit<Row, "request" | "weak" | "strong"> &
  Readonly<{ prompt: string; tools?: readonly Tool[] }>;
export type Sources = Readonly<
  Record<string, Readonly<{ pair: [string, string]; tiers?: [string, string, string] }>>
>;

export const readSources = (data: string): Sources =>
  JSON.parse(readFileSync(join(data, "sources.json"), "utf8")) as Sources;

/** All rows, in the order of the files' names and of their lines. @throws Error naming a row whose source has no pair */
export function readRows(data: string): Row[] {
  const sources = readSources(data);
  return readdirSync(data)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .flatMap((name) => readFileSync(join(data, name), "utf8").split("\n"))
    .filter((line) => line.trim() !== "")
    .map((line) => rowOf(JSON.parse(line) as Stored, sources));
}

function rowOf({ prompt, tools, ...stored }: Stored, sources: Sources): Row {
  const pair = sources[stored.source]?.pair;
  if (pair === undefined)
    throw new Error(`sources.json names no pair for ${stored.source} (row ${stored.id})`);
  return {
    ...stored,
    request: {
      texts: [prompt],
      tools: (tools ?? []).map(({ name, description = "", parameters = {} }) => ({
        name,
        description,
        parametersJson: JSON.stringify(parameters),
      })),
    },
    weak: stored.outcomes[pair[0]]?.score ?? 0,
    strong: stored.outcomes[pair[1]]?.score ?? 0,
  };
}
