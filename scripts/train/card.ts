/** The model card: what the weights were trained on, how they score where they were not, and where they fail. Figures are all measured. */
import { createHash } from "node:crypto";
import { type Calibration, calibratedOf } from "../../src/scoring/calibration.ts";
import { curveOf, drawsOf, measured, type Prompt, rankingOf } from "../evaluate/curves.ts";
import { figure, gainTable, measureGain } from "../evaluate/gain.ts";
import { sourcesOf } from "./apgr.ts";
import type { Row, Sources } from "./rows.ts";

const REPLICATES = 400;
const LEAST_ROWS = 100;

export type Measurements = Readonly<{
  /** Raw outputs of models that have not seen the row's fold, and of those that have not seen its source. */
  crossValidated: Float64Array;
  otherSources: Float64Array;
  calibration: Calibration;
  version: string;
}>;

export function cardOf(rows: readonly Row[], sources: Sources, of: Measurements): string {
  const { crossValidated, otherSources, calibration, version } = of;
  const gains = measureGain(
    rows,
    { "cross-validated": [...crossValidated], "source left out": [...otherSources] },
    REPLICATES,
  );
  const scores = Array.from(crossValidated, (raw) => calibratedOf(raw, calibration));
  return `# Model card: the calibrated scorer

Weights \`${version}\`, made by \`npm run train -- --data <dir>\`, which writes this card too. Do not edit either by hand.

## Trained on

${rows.length.toLocaleString("en")} prompts with the graded answers of a weak and a strong model (digest of ids and outcomes \`${digestOf(rows)}\`). The data is
not in this repository. Mostly English; public benchmarks, not production traffic.

${table(["Source", "Prompts", "Weak model", "right", "Strong model", "right"], trainedOn(rows, sources))}

Benefit is what the strong model adds, difficulty that the weak one fails. A model of 2023 or 2024 failing where another one did
not: newer pairs differ by less, and elsewhere.

## How it scores

APGR: the share of the strong model's gain that is kept, averaged over all shares of prompts that get it, highest scores first; 0.5 is
chance. 95 % intervals by bootstrap over prompts (${REPLICATES} replicates). "Source left out": the model has seen no prompt of
the source at all, which is nearest to traffic of yours.

${gainTable(gains)}

## What scores mean

Below 3.0 are ${percent(calibration.toFast)} of the training traffic and above 6.5 are ${percent(1 - calibration.toBalanced)}, every source counting the same; a configuration can ask for other shares. Of each
source (cross-validated):

${table(["Source", "below 3.0", "3.0 to 6.5", "above 6.5"], sharesOf(rows, scores))}

## Where it fails

By task, cross-validated, of those with ${LEAST_ROWS} prompts or more and a gain of over ten points of success: the five where it orders prompts worst. An interval that holds 0.5 says that within
such a task the score tells nothing that chance does not; it then only tells tasks apart.

${table(["Task", "Prompts", "APGR"], worstTasks(rows, crossValidated))}

- The settings of training, and which parts count for how much, were chosen on these very rows; the figures are a little better than new
  prompts of the same sources will give.
- It reads signs, not meaning: nothing in it solves a problem, and a short hard question looks like a short easy one.
- What was learned of these benchmarks counts only for requests like theirs (\`familiarity\`); elsewhere a line of a few signs
  remains, which is better than chance and not by much (the row "source left out").
- Several requests in one long sentence are taken for one; as sentences of their own they are counted.
- Attachments, conversations and the kind of step were not in the training data: the score says nothing of them beyond the
  size that the classic factor for data gives them, and the text of earlier messages is read like the question's own.
- Other languages are scored by shape, numbers and code; nothing was measured on them.
- Which model is weak or strong is not an input. A tier that is dearer and worse than another stays so, whatever the score.
`;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");

/** Of what was learned from, so that a card can be held against the data. */
function digestOf(rows: readonly Row[]): string {
  const hash = createHash("sha256");
  for (const { id, weak, strong } of rows) hash.update(`${id},${weak},${strong}\n`);
  return hash.digest("hex").slice(0, 12);
}

const meanOf = (rows: readonly Row[], of: (row: Row) => number): number =>
  rows.reduce((sum, row) => sum + of(row), 0) / rows.length;

const trainedOn = (rows: readonly Row[], sources: Sources) =>
  sourcesOf(rows).map((source) => {
    const own = rows.filter((row) => row.source === source);
    const [weak, strong] = sources[source]?.pair ?? ["", ""];
    return [
      source,
      own.length.toLocaleString("en"),
      weak,
      percent(meanOf(own, (row) => row.weak)),
      strong,
      percent(meanOf(own, (row) => row.strong)),
    ];
  });

const sharesOf = (rows: readonly Row[], scores: readonly number[]) =>
  sourcesOf(rows).map((source) => {
    const own = scores.filter((_, index) => rows[index]?.source === source);
    const share = (is: (score: number) => boolean) => percent(own.filter(is).length / own.length);
    return [
      source,
      share((score) => score < 3),
      share((score) => score >= 3 && score <= 6.5),
      share((score) => score > 6.5),
    ];
  });

function worstTasks(rows: readonly Row[], raw: Float64Array): (readonly (string | number)[])[] {
  const byTask = new Map<string, number[]>();
  for (const [index, { source, task }] of rows.entries()) {
    const name = source === task ? source : `${source}: ${task}`;
    byTask.set(name, [...(byTask.get(name) ?? []), index]);
  }
  return [...byTask]
    .filter(([, members]) => members.length >= LEAST_ROWS)
    .map(([name, members]) => {
      const prompts = members.map((index): Prompt => {
        const { weak = 0, strong = 0 } = rows[index] ?? {};
        return { source: name, weak, strong, weakCost: 0, strongCost: 1 };
      });
      const ranking = rankingOf(
        members.map((index) => raw[index] ?? 0),
        [...members.keys()],
      );
      const apgr = measured(drawsOf(prompts, REPLICATES).map((draw) => curveOf(prompts, ranking, draw).apgr));
      const gain = meanOf(
        members.map((index) => rows[index] as Row),
        ({ strong, weak }) => strong - weak,
      );
      return { name, count: members.length, apgr, gain };
    })
    .filter(({ gain }) => gain > 0.1) // Where next to nothing is gained, the share of it that is kept is noise.
    .sort((one, other) => one.apgr.value - other.apgr.value)
    .slice(0, 5)
    .map(({ name, count, apgr }) => [name, count, figure(apgr)]);
}
