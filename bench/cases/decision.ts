import { fileURLToPath } from "node:url";
import type { Case } from "../lib/context.ts";
import { SERVER_CORE } from "../lib/machine.ts";
import { NODE, run } from "../lib/processes.ts";
import { figureRow, type Row, ratioRow } from "../lib/results.ts";
import type { DecisionFigures } from "../programs/decision.ts";

const FILE = fileURLToPath(new URL("../programs/decision.ts", import.meta.url));
/** By the prompt's size in KB. */
const MOST_MICROSECONDS = { 2: 10, 100: 150 } as const;
/** A prompt ten times as long may cost a little more than ten times as much, for the caches it no longer fits. */
const LINEAR = 1.3;

export const decisionCase: Case = {
  name: "decision",
  about: "the decision alone, in process: time, allocation, and how both grow with the prompt",
  async run({ options: { rounds, seconds } }) {
    const measured: (readonly DecisionFigures[])[] = [];
    const command = [NODE, "--expose-gc", "--max-semi-space-size=256", FILE, String(seconds * 2)];
    for (let round = 0; round < rounds; round += 1) {
      const output = await run(command, { core: SERVER_CORE, limitMs: 60_000 + seconds * 20_000 });
      measured.push(JSON.parse(output));
    }
    const figures = (promptKb: number, pick: (figures: DecisionFigures) => number) =>
      measured.flatMap((round) => round.filter((one) => one.promptKb === promptKb).map(pick));
    const own = { case: "decision", subject: "Modeltier" };
    const rows: Row[] = ([2, 100] as const).flatMap((kb) => [
      figureRow({
        ...own,
        what: `step of ${kb} KB, time`,
        figureUnit: "µs",
        subjectValues: figures(kb, ({ microseconds }) => microseconds),
        target: { atMost: MOST_MICROSECONDS[kb] },
      }),
      figureRow({
        ...own,
        what: `step of ${kb} KB, allocated`,
        figureUnit: "B",
        subjectValues: figures(kb, ({ bytes }) => bytes),
      }),
    ]);
    const perKb = ({ microseconds, promptKb }: DecisionFigures) => microseconds / promptKb;
    for (const [kb, smaller] of [
      [100, 10],
      [1_000, 100],
    ] as const) {
      rows.push(
        ratioRow({
          ...own,
          what: `time for each KB, ${kb} KB against ${smaller} KB`,
          reference: `Modeltier, ${smaller} KB`,
          figureUnit: "µs/KB",
          subjectValues: figures(kb, perKb),
          referenceValues: figures(smaller, perKb),
          target: { atMost: LINEAR },
        }),
      );
    }
    return rows;
  },
};
