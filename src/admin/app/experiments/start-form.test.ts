import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ExperimentUnit } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { A_QUESTION, candidateOf, experimentOf, problemsOf, type StartForm } from "./start-form.ts";

const config = (model: string, balancedTo: number, scorer: string) =>
  create(RoutingConfigSchema, {
    scorer,
    failureLimit: 3,
    thresholds: { balancedFrom: 3, balancedTo },
    tiers: {
      fast: { targets: [] },
      balanced: { targets: [{ provider: "kimi", model }], maxOutputTokens: 9 },
    },
  });
const inForce = config("kimi-k2", 6.5, "classic");
const own = config("kimi-k3", 5, "calibrated");
const filled: StartForm = { ...A_QUESTION, id: " kimi-or-not ", second: "kimi", agents: "ana, , bo " };

describe("the form of the common question", () => {
  it("asks with the defaults of the contract, of sessions, half against half", () => {
    expect(problemsOf(filled).size).toBe(0);
    const { arms, question, ...rest } = experimentOf(filled, own);
    expect(rest).toMatchObject({
      experimentId: "kimi-or-not",
      unit: ExperimentUnit.SESSION,
      trafficShare: 0.1,
      agentIds: ["ana", "bo"],
    });
    expect(question).toMatchObject({ margin: 0.03, mostSuccessLost: 0.1 });
    expect(question?.mostExtraNanoUsd).toBeUndefined();
    expect(arms.map(({ name, weight }) => [name, weight])).toEqual([
      ["today", 1],
      ["kimi", 1],
    ]);
    expect(arms[0]?.fields).toEqual([]);
  });

  it.each([
    ["targets", ["tiers.balanced.targets"], { failureLimit: 0, scorer: "" }],
    ["thresholds", ["thresholds"], { failureLimit: 0, thresholds: { balancedTo: 5 } }],
    ["scorer", ["scorer"], { failureLimit: 0, scorer: "calibrated" }],
    ["version", ["*"], { failureLimit: 3, scorer: "calibrated" }],
  ] as const)("sends of %s what is the second arm's own, and nothing else of it", (kind, fields, sent) => {
    const [, second] = experimentOf({ ...filled, kind }, own).arms;
    expect(second?.fields).toEqual(fields);
    expect(second?.config).toMatchObject(sent);
    expect(second?.config?.tiers?.balanced?.targets.map(({ model }) => model)).toEqual(
      kind === "targets" || kind === "version" ? ["kimi-k3"] : undefined,
    );
  });

  it("shows what would change: the arm's own over what is in force", () => {
    const candidate = candidateOf(filled, inForce, own);
    expect(candidate.tiers?.balanced?.targets.map(({ model }) => model)).toEqual(["kimi-k3"]);
    expect(candidate).toMatchObject({ scorer: "classic", thresholds: { balancedTo: 6.5 } });
    expect(candidate.tiers?.balanced?.maxOutputTokens).toBe(9);
    expect(inForce.tiers?.balanced?.targets.map(({ model }) => model)).toEqual(["kimi-k2"]);
    expect(candidateOf({ ...filled, kind: "thresholds" }, inForce, own)).toMatchObject({
      scorer: "classic",
      thresholds: { balancedTo: 5 },
    });
  });

  it("says at its field what is no value", () => {
    const wrong = { ...filled, traffic: "0", margin: "", lost: "101", extra: "much" };
    expect([...problemsOf(wrong).keys()]).toEqual([
      "traffic_share",
      "question.margin",
      "question.most_success_lost",
      "question.most_extra_nano_usd",
    ]);
    expect(experimentOf({ ...filled, extra: "0.002" }, own).question?.mostExtraNanoUsd).toBe(2_000_000n);
  });
});
