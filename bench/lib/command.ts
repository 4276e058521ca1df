/** The command line, read and checked before anything is started. */
import { parseArgs } from "node:util";
import { PROFILED_LOADS } from "../profile/profile.ts";
import type { Case, Options } from "./context.ts";
import { CASES } from "./run.ts";

export type Command =
  | Readonly<{ kind: "help" }>
  | Readonly<{ kind: "run"; cases: readonly Case[]; options: Options; out?: string }>
  | Readonly<{ kind: "compare"; first: string; second: string }>
  | Readonly<{ kind: "chart"; from: string; to: string }>
  | Readonly<{ kind: "profile"; load: string; seconds: number }>;

const FLAGS = {
  help: { type: "boolean" },
  only: { type: "string" },
  rounds: { type: "string", default: "5" },
  seconds: { type: "string", default: "10" },
  out: { type: "string" },
  "soak-minutes": { type: "string", default: "1" },
  "growth-rows": { type: "string", default: "1000000" },
  "idle-seconds": { type: "string", default: "60" },
  "idle-streams": { type: "string", default: "10000" },
  compare: { type: "boolean" },
  chart: { type: "boolean" },
  profile: { type: "string" },
} as const;

export const HELP = `npm run bench -- [flags]

  --only <case,…>      these cases; without it all of them:
${CASES.map(({ name, about }) => `                         ${name.padEnd(14)} ${about}`).join("\n")}
  --rounds N           rounds of each comparison (5)
  --seconds S          of one measurement (10)
  --out F              the report (bench/results/<time>.json)
  --soak-minutes M     of the load under which memory must stay flat (1)
  --growth-rows N      executions stored before the service is measured on them (1000000)
  --idle-seconds S     of silence before the cold call (60)
  --idle-streams N     streams that are held open for the memory of one (10000)
  --compare A B        the figures of two reports side by side
  --chart A F          the SVG chart of report A
  --profile <load>     where time and memory go: ${Object.keys(PROFILED_LOADS).join(", ")}
`;

/** @throws Error that says which flag is wrong */
export function readCommand(args: readonly string[]): Command {
  const { values, positionals } = parseArgs({ args: [...args], options: FLAGS, allowPositionals: true });
  const seconds = positive("seconds", values.seconds);
  const [first, second] = positionals;
  if (values.help) return { kind: "help" };
  if (values.profile !== undefined) {
    if (!Object.hasOwn(PROFILED_LOADS, values.profile))
      throw new Error(wrong("profile", Object.keys(PROFILED_LOADS)));
    return { kind: "profile", load: values.profile, seconds };
  }
  if (values.compare || values.chart) {
    if (first === undefined || second === undefined || positionals.length > 2)
      throw new Error("--compare and --chart take two files");
    return values.compare ? { kind: "compare", first, second } : { kind: "chart", from: first, to: second };
  }
  if (positionals.length > 0) throw new Error(`"${first}" is not a flag; see --help`);
  const options = {
    seconds,
    rounds: positive("rounds", values.rounds),
    soakMinutes: positive("soak-minutes", values["soak-minutes"], false),
    growthRows: positive("growth-rows", values["growth-rows"]),
    idleSeconds: positive("idle-seconds", values["idle-seconds"]),
    idleStreams: positive("idle-streams", values["idle-streams"]),
  };
  return { kind: "run", cases: casesOf(values.only), options, ...(values.out && { out: values.out }) };
}

function casesOf(only: string | undefined): readonly Case[] {
  if (only === undefined) return CASES;
  return only.split(",").map((name) => {
    const found = CASES.find((one) => one.name === name);
    if (found === undefined)
      throw new Error(
        wrong(
          "only",
          CASES.map((one) => one.name),
        ),
      );
    return found;
  });
}

const wrong = (flag: string, names: readonly string[]): string => `--${flag} takes ${names.join(", ")}`;

function positive(flag: string, text: string, whole = true): number {
  const value = Number(text);
  if (!(value > 0) || (whole && !Number.isInteger(value)))
    throw new Error(`--${flag} takes a positive ${whole ? "whole " : ""}number, not "${text}"`);
  return value;
}
