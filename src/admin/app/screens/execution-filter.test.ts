import { describe, expect, it } from "vitest";
import { filterOf, findNanoUsd } from "./execution-filter.ts";

describe("a cost one types", () => {
  it.each([
    ["0.0015", 1_500_000n],
    ["$0.0015", 1_500_000n],
    [".5", 500_000_000n],
    ["2", 2_000_000_000n],
    [" 0.000000001 ", 1n],
  ])("%s is an amount, to the digit", (text, nano) => expect(findNanoUsd(text)).toBe(nano));

  it.each(["", "a lot", "-1", "1e3", "0,5", "1.0000000001", "."])("%j is none", (text) =>
    expect(findNanoUsd(text)).toBeUndefined(),
  );
});

describe("the filters of an address", () => {
  it("ask for what costs at least that much, and for everything while it is no amount", () => {
    expect(filterOf(new URLSearchParams("min=0.001&agent=planner"), 0)).toMatchObject({
      minCostNanoUsd: 1_000_000n,
      agentId: "planner",
    });
    expect(filterOf(new URLSearchParams("min=x"), 0).minCostNanoUsd).toBe(0n);
  });

  it("ask for an arm only with its experiment, which the service wants to know as well", () => {
    const asked = (query: string) => filterOf(new URLSearchParams(query), 0);
    expect(asked("experiment=kimi-or-not&arm=kimi")).toMatchObject({
      experimentId: "kimi-or-not",
      experimentArm: "kimi",
    });
    expect(asked("arm=kimi").experimentArm).toBe("");
  });

  it("ask the same while a minute lasts", () => {
    const query = new URLSearchParams("hours=1");
    expect(filterOf(query, 7_200_001)).toEqual(filterOf(query, 7_259_999));
  });
});
