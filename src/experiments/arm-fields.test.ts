import { expect, it } from "vitest";
import { findFieldProblem, withFields } from "./arm-fields.ts";

const IN_FORCE = {
  scorer: "classic",
  thresholds: { balanced_from: 3, balanced_to: 6.5 },
  breaker: { failures_in_a_row: 5 },
  custom_providers: [],
  distribution: { provider: "kimi" },
  agent_score: { learn: true, serve: false, half_life: "60s" },
};
const OWN = {
  scorer: "calibrated",
  thresholds: { balanced_from: 1, balanced_to: 2 },
  breaker: { failures_in_a_row: 1 },
  agent_score: { learn: false, serve: true },
};

it("takes the fields that an arm names, and leaves all others as they are in force", () => {
  expect(withFields(IN_FORCE, OWN, [])).toEqual(IN_FORCE);
  expect(withFields(IN_FORCE, OWN, ["scorer", "thresholds.balanced_to"])).toEqual({
    ...IN_FORCE,
    scorer: "calibrated",
    thresholds: { balanced_from: 3, balanced_to: 2 },
  });
});

it("takes a whole configuration but for what all calls of a process share", () => {
  expect(withFields(IN_FORCE, OWN, ["*"])).toEqual({
    ...OWN,
    breaker: IN_FORCE.breaker,
    custom_providers: [],
    distribution: IN_FORCE.distribution,
    agent_score: { learn: true, serve: true, half_life: "60s" },
  });
});

it("takes away what an arm names and does not have", () => {
  expect(withFields({ ...IN_FORCE, calibration: { fast_share: 0.3 } }, OWN, ["calibration"])).toEqual(
    IN_FORCE,
  );
});

it("says nothing where an arm lacks what a field stands in", () => {
  expect(withFields(IN_FORCE, OWN, ["tiers.fast.targets"])).toBeUndefined();
});

it("keeps arms from what is one for all of a process, with the remedy", () => {
  expect(findFieldProblem("breaker.open")).toContain("publish it for everyone");
  expect(findFieldProblem("agent_score.half_life")).toContain("name agent_score.serve");
  expect(findFieldProblem("agent_score")).toContain("name agent_score.serve");
  expect(findFieldProblem("agent_score.serve")).toBeUndefined();
  expect(findFieldProblem("tiers.fast")).toBeUndefined();
});
