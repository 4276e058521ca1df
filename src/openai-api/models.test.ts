import { describe, expect, it } from "vitest";
import {
  breakers,
  CLASSIC,
  providersWithKeys,
  SANDBOX,
  stateWith,
  WHEN_ALL_WERE_SERVED,
} from "../routing/test-support.ts";
import { targetKey } from "../routing/types.ts";
import { findChoice, findTarget, listCallable } from "./models.ts";

const MODELS = { config: CLASSIC, state: SANDBOX };
const namesOf = (deps: typeof MODELS): readonly string[] => listCallable(deps).map(targetKey);

/** The classic configuration with a server of one's own, and a model there that has a listed model's name. */
const WITH_OLLAMA = {
  config: {
    ...CLASSIC,
    tiers: {
      ...CLASSIC.tiers,
      fast: {
        ...CLASSIC.tiers.fast,
        targets: [
          { provider: "ollama", model: "meta/llama-4" },
          { provider: "ollama", model: "gpt-4o" },
        ],
      },
    },
  },
  state: {
    ...SANDBOX,
    providers: new Map([...SANDBOX.providers, ["ollama", { keyPresent: true, keyVariables: [] }]]),
  },
};

describe("a name", () => {
  it.each([
    ["auto", {}],
    ["fast", { tier: "fast" }],
    ["powerful", { tier: "powerful" }],
    ["openai/gpt-4o-mini", { target: { provider: "openai", model: "gpt-4o-mini" } }],
    ["gpt-4o-mini", { target: { provider: "openai", model: "gpt-4o-mini" } }],
    ["kimi-k2-0905-preview", { target: { provider: "kimi", model: "kimi-k2-0905-preview" } }],
  ])("%s asks for what it says", (name, choice) => {
    expect(findChoice(name, MODELS)).toEqual(choice);
  });

  it.each(["", "Auto", "gpt-none", "openai/gpt-none", "nobody/gpt-4o", "openai/", "/gpt-4o", "gpt-4o mini"])(
    "%j asks for nothing",
    (name) => {
      expect(findChoice(name, MODELS)).toBeUndefined();
    },
  );

  it("of a tier's model need not be in the catalogue, and may hold slashes", () => {
    expect(findTarget("meta/llama-4", WITH_OLLAMA)).toEqual({ provider: "ollama", model: "meta/llama-4" });
    expect(findTarget("ollama/anything:7b", WITH_OLLAMA)?.model).toBe("anything:7b");
  });

  it("that two providers have is nobody's until one is named", () => {
    expect(findTarget("gpt-4o", MODELS)?.provider).toBe("openai");
    expect(findTarget("gpt-4o", WITH_OLLAMA)).toBeUndefined();
    expect(findTarget("ollama/gpt-4o", WITH_OLLAMA)?.provider).toBe("ollama");
  });
});

describe("the list", () => {
  it("has every model in the sandbox, the retired ones too, each once", () => {
    expect(namesOf(MODELS)).toEqual(CLASSIC.catalogue.models.map(targetKey));
  });

  it("has what a key is there for, and what is served today", () => {
    const state = stateWith({ providers: providersWithKeys("kimi") });
    const names = namesOf({ config: CLASSIC, state });
    expect(names).toContain("kimi/kimi-k2.6");
    expect(names).not.toContain("kimi/kimi-k2-0905-preview");
    expect(names.every((name) => name.startsWith("kimi/"))).toBe(true);
    expect(namesOf({ config: CLASSIC, state: { ...state, today: WHEN_ALL_WERE_SERVED } })).toContain(
      "kimi/kimi-k2-0905-preview",
    );
  });

  it("loses a model that refused our key, and keeps one that fails for a moment", () => {
    const targets = breakers({ "openai/gpt-4o": "parked", "openai/gpt-4o-mini": "open" });
    const names = namesOf({ config: CLASSIC, state: { ...SANDBOX, targets } });
    expect(names).not.toContain("openai/gpt-4o");
    expect(names).toContain("openai/gpt-4o-mini");
  });

  it("has the tiers' models of a server of one's own", () => {
    expect(namesOf(WITH_OLLAMA)).toContain("ollama/meta/llama-4");
  });
});
