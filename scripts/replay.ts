/**
 * Replays graded prompts through the learned agent score, each scored by what earlier ones taught, and asks an evaluator.
 * npm run replay -- --data <dir> --step <csv of id,score[,difficulty,benefit,sign1,…]> [--explore 0.1] [--evaluate <evaluate.mjs>] [--out <dir>]
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { learn, learnedScore, newAgent, newFleet } from "../src/agent-score/agent-score.ts";
import { DEFAULT_LEARNING, type Forecast } from "../src/agent-score/types.ts";

type Row = Readonly<{
  id: string;
  source: string;
  agent: string;
  outcomes: Readonly<Record<string, Readonly<{ score: number }>>>;
}>;

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    step: { type: "string" },
    evaluate: { type: "string" },
    explore: { type: "string", default: "0.1" },
    out: { type: "string" },
  },
});
const { data, step } = values;
if (data === undefined || step === undefined) {
  throw new Error(
    "Name the data and the steps' scores: npm run replay -- --data <dir> --step <csv of id,score>",
  );
}
const evaluator = values.evaluate ?? join(data, "..", "evaluate.mjs");
const explored = Number(values.explore);
if (!(explored >= 0 && explored <= 0.5)) throw new Error("--explore must be in [0, 0.5]");
const out = values.out ?? mkdtempSync(join(tmpdir(), "replay-"));
const sources = JSON.parse(readFileSync(join(data, "sources.json"), "utf8")) as Record<
  string,
  { pair: [string, string] }
>;
type Step = Readonly<{ step: number; forecast?: Forecast }>;
const steps = readSteps(readFileSync(step, "utf8").trim().split("\n"));

/** The columns are those of the first line; an id may hold commas. */
function readSteps([header = "", ...lines]: readonly string[]): ReadonlyMap<string, Step> {
  const columns = header.split(",").slice(1);
  return new Map(
    lines.map((line) => {
      const cells = line.split(",");
      const numbers = cells.splice(cells.length - columns.length).map(Number);
      const of = (column: string) => numbers[columns.indexOf(column)];
      const [difficulty, benefit] = [of("difficulty"), of("benefit")];
      const signs = numbers.filter((_, index) => columns[index]?.startsWith("sign"));
      return [
        cells.join(),
        {
          step: Math.min(10, Math.max(0, of("score") ?? Number.NaN)),
          ...(difficulty !== undefined &&
            benefit !== undefined && { forecast: { difficulty, benefit, signs } }),
        },
      ];
    }),
  );
}

const hash = (text: string) => createHash("sha1").update(text).digest("hex");
/** Fixed by the row's id, so that a run repeats. */
const fraction = (id: string) => Number.parseInt(hash(`called|${id}`).slice(0, 8), 16) / 2 ** 32;

const rowsOf = (source: string): Row[] =>
  readFileSync(join(data, `${source}.jsonl`), "utf8")
    .trim()
    .split("\n")
    .map((line) => ({ row: JSON.parse(line) as Row }))
    .map(({ row }) => ({ row, order: hash(`replay|${row.id}`) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ row }) => row);

/** @param sees both outcomes of earlier prompts, or only that of the model that the score chose, or of the other as often as `--explore` says */
function replay(source: string, sees: "both" | "chosen"): string[] {
  const [weak, strong] = sources[source]?.pair ?? ["", ""];
  const agents = new Map<string, ReturnType<typeof newAgent>>();
  let fleet = newFleet();
  return rowsOf(source).map(({ id, agent, outcomes }) => {
    const of = steps.get(id);
    if (of === undefined) throw new Error(`${step} has no score for ${id}`);
    const call = { ...of, nowMs: 0 };
    let state = agents.get(agent) ?? newAgent();
    const { score } = learnedScore(fleet, state, call, DEFAULT_LEARNING);
    const chosen = score >= 5 === fraction(id) >= explored ? "powerful" : "fast";
    for (const [tier, model] of [
      ["fast", weak],
      ["powerful", strong],
    ] as const) {
      if (sees === "chosen" && tier !== chosen) continue;
      const outcome = { ...call, tier, quality: outcomes[model]?.score ?? 0, atMs: 0 };
      ({ fleet, agent: state } = learn(fleet, state, outcome, DEFAULT_LEARNING));
    }
    agents.set(agent, state);
    return `${id},${score}`;
  });
}

const names = readdirSync(data)
  .filter((name) => name.endsWith(".jsonl"))
  .map((name) => name.slice(0, -6));
for (const sees of ["both", "chosen"] as const) {
  const file = join(out, `${sees}.csv`);
  writeFileSync(file, `id,score\n${names.flatMap((source) => replay(source, sees)).join("\n")}\n`);
  const answer = execFileSync(process.execPath, [
    evaluator,
    "--data",
    data,
    "--scores",
    file,
    "--boot",
    "300",
    "--json",
  ]);
  const { results, macro } = JSON.parse(answer.toString()) as {
    results: { source: string; apgr: number }[];
    macro: { apgr: number; apgrCI: [number, number] };
  };
  const each = results.map(({ source, apgr }) => `${source} ${apgr.toFixed(3)}`).join(", ");
  const interval = macro.apgrCI.map((end) => end.toFixed(3)).join(", ");
  console.log(`${sees} known: macro APGR ${macro.apgr.toFixed(4)} [${interval}]; ${each}\n  ${file}`);
}
