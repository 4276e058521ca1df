import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { candidateOf, firstOf } from "./what-if.ts";

const target = (provider: string, model: string) => ({ provider, model });
const base = create(RoutingConfigSchema, {
  tiers: {
    fast: { targets: [target("openai", "small")] },
    balanced: { targets: [target("kimi", "k2"), target("openai", "small")] },
    powerful: { targets: [target("anthropic", "large")] },
  },
});
const balanced = (config: typeof base) => config.tiers?.balanced?.targets.map(({ model }) => model);

describe("what one asks about", () => {
  it("asks the chosen target first and what was asked before after it, in that tier only", () => {
    const candidate = candidateOf(base, { balanced: "openai/small" });
    expect(balanced(candidate)).toEqual(["small", "k2"]);
    expect(firstOf(candidate, "fast")).toBe("openai/small");
    expect(firstOf(candidate, "powerful")).toBe("anthropic/large");
  });

  it("takes a target that the tier did not have, also one with a slash in its name", () => {
    const candidate = candidateOf(base, { balanced: "local/meta/llama" });
    expect(firstOf(candidate, "balanced")).toBe("local/meta/llama");
    expect(candidate.tiers?.balanced?.targets[0]).toMatchObject({ provider: "local", model: "meta/llama" });
    expect(balanced(candidate)).toEqual(["meta/llama", "k2", "small"]);
  });

  it("leaves the one it is made from as it is", () => {
    candidateOf(base, { balanced: "openai/small" });
    expect(balanced(base)).toEqual(["k2", "small"]);
  });
});
