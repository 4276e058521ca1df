/** The life of an experiment: shares that change, arms that are taken out, units that show something. Pure: states in, states out. */
import {
  type Answer,
  addUnit,
  answer,
  newArmEvidence,
  type Question,
  type UnitValues,
} from "./statistics/question.ts";
import { type ArmCount, isSampleRatioWrong } from "./statistics/sample-ratio.ts";
import { type ArmStop, type Experiment, type ExperimentState, liveArms } from "./types.ts";

/** What each comparison with the first arm may err: all of them together err no more often than the question allows. */
export const questionPerArm = ({ question, arms }: Experiment): Question => ({
  ...question,
  alpha: question.alpha / Math.max(1, arms.length - 1),
});

export function begin(experiment: Experiment): ExperimentState {
  const evidence = newArmEvidence(questionPerArm(experiment));
  return {
    split: 1,
    stopped: {},
    evidence: Object.fromEntries(experiment.arms.map(({ name }) => [name, evidence])),
    counts: {},
  };
}

/** From here on other shares count: units that began before are no evidence about them. */
export const nextSplit = (state: ExperimentState): ExperimentState => ({
  ...state,
  split: state.split + 1,
  counts: {},
});

export const withoutArm = (state: ExperimentState, arm: string, why: ArmStop): ExperimentState =>
  nextSplit({ ...state, stopped: { ...state.stopped, [arm]: why } });

/** What an experiment compares is the first arm with others: without it, or with it alone, there is nothing left to learn. */
export function isOver(experiment: Experiment, state: ExperimentState): boolean {
  const [first] = experiment.arms;
  return state.stopped[first.name] !== undefined || liveArms(experiment, state).length < 2;
}

/** @param unit drawn into one of the arms; what an arm shows after it was taken out is kept as well */
export function withUnit(
  state: ExperimentState,
  { arm, split, values }: Readonly<{ arm: string; split: number; values: UnitValues }>,
): ExperimentState {
  const before = state.evidence[arm];
  if (before === undefined) return state;
  const evidence = { ...state.evidence, [arm]: addUnit(before, values) };
  if (split !== state.split) return { ...state, evidence };
  return { ...state, evidence, counts: { ...state.counts, [arm]: (state.counts[arm] ?? 0) + 1 } };
}

/** Of the arms that are left, with the shares they are meant to have of the units in the experiment. */
export function countsOf(experiment: Experiment, state: ExperimentState): readonly ArmCount[] {
  const live = liveArms(experiment, state);
  const total = live.reduce((sum, { weight }) => sum + weight, 0);
  return live.map(({ name, weight }) => ({ units: state.counts[name] ?? 0, share: weight / total }));
}

export const hasUnevenShares = (experiment: Experiment, state: ExperimentState): boolean =>
  isSampleRatioWrong(countsOf(experiment, state), questionPerArm(experiment).alpha);

/** What may be said of an arm against the first; undefined for the first. */
export function answerFor(experiment: Experiment, state: ExperimentState, arm: string): Answer | undefined {
  const [first] = experiment.arms;
  const old = state.evidence[first.name];
  const fresh = state.evidence[arm];
  if (arm === first.name || old === undefined || fresh === undefined) return undefined;
  return answer(old, fresh, countsOf(experiment, state), questionPerArm(experiment));
}

const STOP_OF: Readonly<Record<string, ArmStop>> = {
  "stop: too much success lost": "success_lost",
  "stop: too expensive": "too_expensive",
};

/** The arms that a guardrail takes out now. */
export function listHarmful(
  experiment: Experiment,
  state: ExperimentState,
): readonly Readonly<{ arm: string; why: ArmStop }>[] {
  return liveArms(experiment, state).flatMap(({ name: arm }) => {
    const why = STOP_OF[answerFor(experiment, state, arm)?.verdict ?? ""];
    return why === undefined ? [] : [{ arm, why }];
  });
}
