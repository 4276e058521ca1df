/** How often simulated experiments err and how soon they answer: the figures of src/experiments/statistics/README.md. */
import { parseArgs } from "node:util";
import { simulate, type Truth } from "../src/experiments/statistics/testing/simulate.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "400" }, units: { type: "string", default: "20000" } },
});
const runs = Number(values.runs);
const mostUnits = Number(values.units);
const OLD: Truth = { success: 0.85, meanNanoUsd: 1_000_000, spread: 1 };
const CASES: Readonly<
  Record<string, { fresh: Truth; old?: Truth; freshShare?: number; toTheEnd?: boolean }>
> = {
  "A/A, intervals to the end": { fresh: OLD, toTheEnd: true },
  "A/A, heavier tail (spread 2)": {
    old: { ...OLD, spread: 2 },
    fresh: { ...OLD, spread: 2 },
    toTheEnd: true,
  },
  "as good, 30 % cheaper": { fresh: { ...OLD, meanNanoUsd: 700_000 } },
  "as good, 60 % cheaper": { fresh: { ...OLD, meanNanoUsd: 400_000 } },
  "3 points worse (the margin), 60 % cheaper": {
    fresh: { ...OLD, success: 0.82, meanNanoUsd: 400_000 },
    toTheEnd: true,
  },
  "20 points worse, 60 % cheaper": { fresh: { ...OLD, success: 0.65, meanNanoUsd: 400_000 } },
  "as good, 4 times the cost": { fresh: { ...OLD, meanNanoUsd: 4_000_000 } },
  "45 % of units where 50 % were meant": { fresh: OLD, freshShare: 0.45 },
};

for (const [name, { old = OLD, fresh, ...how }] of Object.entries(CASES)) {
  const all = Array.from({ length: runs }, (_, seed) =>
    simulate(old, fresh, { seed, mostUnits, every: 20, ...how }),
  );
  const verdicts = Object.entries(Object.groupBy(all, ({ verdict }) => verdict))
    .map(([verdict, list = []]) => {
      const units = list.map((one) => one.units).sort((a, b) => a - b);
      return `${verdict} ${list.length} (median ${units[Math.floor(units.length / 2)]} units)`;
    })
    .join("; ");
  const wrong = (of: "wasCostWrong" | "wasSuccessWrong") => all.filter((one) => one[of]).length;
  console.log(
    `${name}: ${verdicts}. Interval ever wrong: success ${wrong("wasSuccessWrong")}, cost ${wrong("wasCostWrong")} of ${runs}`,
  );
}
