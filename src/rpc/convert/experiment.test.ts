import { expect, it } from "vitest";
import { ExperimentVerdict } from "../../../gen/modeltier/v1/experiment_pb.js";
import { begin, withoutArm } from "../../experiments/experiment.ts";
import type { Experiment } from "../../experiments/types.ts";
import { reportToProto } from "./experiment.ts";

const arm = (name: string) => ({ name, weight: 1, fields: ["scorer"], own: { scorer: "classic" } });
const experiment: Experiment = {
  experimentId: "try",
  description: "",
  unit: "agent",
  arms: [arm("old"), arm("bad"), arm("good")],
  trafficShare: 1,
  agentIds: [],
  question: { alpha: 0.05, margin: 0.03, mostSuccessLost: 0.1 },
  unitWindowMs: 0,
  feedbackWaitMs: 0,
};
const NOTHING_ELSE = { waiting: new Map(), events: [], changesOf: () => [] };

it("keeps saying why a guardrail took an arm out, whatever its last units show", () => {
  const state = withoutArm(begin(experiment), "bad", "success_lost");
  const known = { experiment, state, status: "running", startedAt: new Date() } as const;
  const { arms } = reportToProto(known, NOTHING_ELSE);
  expect(arms.map(({ name, verdict, stopped, share }) => [name, verdict, stopped, share])).toEqual([
    ["old", ExperimentVerdict.UNSPECIFIED, false, 0.5],
    ["bad", ExperimentVerdict.STOPPED_SUCCESS_LOST, true, 0],
    ["good", ExperimentVerdict.NOT_KNOWN_YET, false, 0.5],
  ]);
});
