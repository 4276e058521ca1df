import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLASSIC, requestWith } from "../routing/test-support.ts";
import { draw, unitOf } from "./draw.ts";
import type { Experiment, RunningExperiment } from "./types.ts";

const experimentWith = (over: Partial<Experiment> = {}): Experiment => ({
  experimentId: "try",
  description: "",
  unit: "agent",
  arms: [
    { name: "old", weight: 1, fields: [], own: {} },
    { name: "new", weight: 1, fields: ["scorer"], own: { scorer: "calibrated" } },
  ],
  trafficShare: 1,
  agentIds: [],
  question: { alpha: 0.05, margin: 0.03, mostSuccessLost: 0.1 },
  unitWindowMs: 0,
  feedbackWaitMs: 0,
  ...over,
});
const configs = new Map([
  ["old", CLASSIC],
  ["new", { ...CLASSIC, scorer: "calibrated" as const }],
]);
const running = (over: Partial<Experiment> = {}, left = configs): RunningExperiment => ({
  experiment: experimentWith(over),
  split: 1,
  configs: left,
});
const armOf = (of: RunningExperiment, agentId: string) => draw(of, requestWith({ agentId }))?.experiment.arm;
const AGENTS = Array.from({ length: 2_000 }, (_, index) => `agent-${index}`);

describe("drawing", () => {
  it("gives arms their shares of the traffic, and leaves the rest outside", () => {
    const drawn = AGENTS.map((agentId) => armOf(running({ trafficShare: 0.5 }), agentId));
    const shareOf = (arm: string | undefined) => drawn.filter((one) => one === arm).length / AGENTS.length;
    expect(shareOf("old")).toBeCloseTo(0.25, 1);
    expect(shareOf("new")).toBeCloseTo(0.25, 1);
    expect(shareOf(undefined)).toBeCloseTo(0.5, 1);
  });

  it("keeps everybody in an arm when more of the traffic is drawn", () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 0.01, max: 1, noNaN: true }), (agentId, trafficShare) => {
        const before = armOf(running({ trafficShare }), agentId);
        fc.pre(before !== undefined);
        expect(armOf(running(), agentId)).toBe(before);
      }),
    );
  });

  it("gives those of an arm that was taken out the configuration in force, and moves nobody else", () => {
    const left = new Map([...configs].filter(([arm]) => arm !== "new"));
    for (const agentId of AGENTS.slice(0, 200)) {
      const before = armOf(running(), agentId);
      expect(armOf(running({}, left), agentId)).toBe(before === "new" ? undefined : before);
    }
  });

  it("runs a call by the configuration of its arm", () => {
    for (const agentId of AGENTS.slice(0, 50)) {
      const drawn = draw(running(), requestWith({ agentId }));
      expect(drawn?.config.scorer).toBe(drawn?.experiment.arm === "new" ? "calibrated" : "classic");
    }
  });

  it("draws the agents it is for, and nobody else", () => {
    const some = running({ agentIds: ["agent-1"] });
    expect(armOf(some, "agent-1")).toBeDefined();
    expect(armOf(some, "agent-2")).toBeUndefined();
  });

  it("draws anew for another experiment", () => {
    const moved = AGENTS.filter(
      (agentId) => armOf(running(), agentId) !== armOf(running({ experimentId: "other" }), agentId),
    );
    expect(moved.length / AGENTS.length).toBeCloseTo(0.5, 1);
  });
});

describe("a unit", () => {
  const chat = (text: string) => ({ texts: [text], attachmentBytes: 0 });

  it("is the agent, its session, or what it asks for", () => {
    const one = requestWith({ agentId: "a", sessionId: "s", chat: chat("hello") });
    const other = requestWith({ agentId: "a", sessionId: "t", chat: chat("goodbye") });
    expect(unitOf(one, "agent")).toBe(unitOf(other, "agent"));
    expect(unitOf(one, "session")).not.toBe(unitOf(other, "session"));
    expect(unitOf(one, "request")).not.toBe(unitOf(other, "request"));
    expect(unitOf(one, "request")).toBe(unitOf({ ...one, sessionId: "t" }, "request"));
  });

  it("without a session is drawn by its agent, and never meets another agent's session of the same name", () => {
    const without = requestWith({ agentId: "a", sessionId: "" });
    expect(unitOf(without, "session")).toBe(unitOf(without, "agent"));
    const sessions = ["a", "b"].map((agentId) => unitOf(requestWith({ agentId, sessionId: "s" }), "session"));
    expect(new Set(sessions).size).toBe(2);
  });

  it("tells nothing of what was said", () => {
    const unit = unitOf(requestWith({ agentId: "a", chat: chat("the secret") }), "request");
    expect(unit).toMatch(/^[\w-]{22}$/);
  });
});
