/** What units show is added to the evidence of their arms, and guardrails are looked at with every batch. */
import type { Kysely } from "kysely";
import { isOver, listHarmful, withoutArm, withUnit } from "../experiments/experiment.ts";
import type { ArmStop, Experiment, ExperimentState } from "../experiments/types.ts";
import { takeClosedUnits } from "./experiment-units.ts";
import { lockExperiment, writeChange, writeState } from "./experiments.ts";
import type { Database } from "./tables.ts";

/** Who takes an arm out where nobody did. */
const GUARDRAIL = "guardrail";

export type LearnedUnits = Readonly<{
  units: number;
  /** Arms that were taken out. */
  stopped: readonly Readonly<{ arm: string; why: ArmStop }>[];
}>;

/**
 * Counts units whose time is over, the oldest first. One transaction under the experiment's lock: of several replicas one counts at a time,
 * and what a unit shows is written with its mark.
 */
export const learnUnits = (db: Kysely<Database>, experimentId: string, most: number): Promise<LearnedUnits> =>
  db.transaction().execute(async (tx) => {
    const known = await lockExperiment(tx, experimentId);
    if (known === undefined) return { units: 0, stopped: [] };
    const { experiment } = known;
    const closed = await takeClosedUnits(tx, experimentId, most);
    const state = closed.reduce(withUnit, known.state);
    await writeState(tx, experimentId, state);
    const stopped = known.status === "running" ? listHarmful(experiment, state) : [];
    if (stopped.length > 0) {
      const next = stopped.reduce((so, { arm, why }) => withoutArm(so, arm, why), state);
      await writeChange(tx, known, takenOut(experiment, next, stopped), GUARDRAIL);
    }
    return { units: closed.length, stopped };
  });

const takenOut = (experiment: Experiment, state: ExperimentState, stopped: LearnedUnits["stopped"]) => ({
  experiment,
  state,
  isStopped: isOver(experiment, state),
  action: "stop_arm" as const,
  detail: { arms: Object.fromEntries(stopped.map(({ arm, why }) => [arm, why])) },
});
