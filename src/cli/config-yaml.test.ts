import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configDocument } from "../../test/support/config-arbitrary.ts";
import { documentOf } from "../config/document.ts";
import { PRESETS } from "../routing/presets.ts";
import { configFromProto, configToProto } from "../rpc/convert/routing-config.ts";
import { ConfigFileError, fromYaml, toYaml } from "./config-yaml.ts";

const CLASSIC = { config: configToProto(documentOf(PRESETS.classic)), basedOn: 7n };

describe("a configuration as YAML", () => {
  it("is the same configuration when it is read again", () => {
    fc.assert(
      fc.property(configDocument, fc.bigInt({ min: 0n, max: 2n ** 40n }), (document, basedOn) => {
        const read = fromYaml(toYaml({ config: configToProto(document), basedOn }));
        expect(read.basedOn).toBe(basedOn);
        expect(configFromProto(read.config)).toEqual(document);
      }),
    );
  });

  it("is the same text for the same configuration", () => {
    expect(toYaml(fromYaml(toYaml(CLASSIC)))).toBe(toYaml(CLASSIC));
  });

  it("names units, and writes numbers as numbers", () => {
    const document = documentOf(PRESETS.classic);
    const bands = [
      {
        freshInputMicroUsdPerMtok: 150_000n,
        cachedInputMicroUsdPerMtok: 75_000n,
        cacheWriteMicroUsdPerMtok: 150_000n,
        outputMicroUsdPerMtok: 600_000n,
      },
    ];
    const target = { provider: "openai", model: "gpt-4o-mini" };
    const price = { target, effectiveFrom: "2026-01-01", source: "", bands };
    const yaml = toYaml({ config: configToProto({ ...document, priceOverrides: [price] }), basedOn: 0n });
    expect(yaml).toContain("max_output_tokens: 4096 # tokens");
    expect(yaml).toContain("first_token: 15s");
    expect(yaml).toContain("fresh_input_micro_usd_per_mtok: 150000 # micro-USD per million tokens");
  });
});

describe("a file that is none", () => {
  const text = toYaml(CLASSIC);

  it.each([
    ["no YAML", "a: [", "at line 1"],
    ["a field twice", text.replace("failure_limit: 2", "failure_limit: 2\n  failure_limit: 3"), "unique"],
    ["a field that is not known", text.replace("failure_limit:", "failure_limits:"), "failure_limits"],
    ["a word that is not known beside config", `${text}\nextra: 1`, "extra"],
    ["no configuration", "based_on: 3", "based_on and config"],
    ["a base that is no version", text.replace("based_on: 7", "based_on: newest"), "based_on"],
    ["a word of no list", text.replace("DELIVERY_UNSPECIFIED", "FAST"), "config.tiers.fast.delivery"],
    ["an alias that nothing is named by", "config: *a", "alias"],
    ["nothing but brackets", `a: ${"[".repeat(5_000)}`, "nested too deeply"],
    ["text where a number stands", text.replace("max_attempts: 3", "max_attempts: many"), "max_attempts"],
  ])("says what is wrong: %s", (_, file, words) => {
    expect(() => fromYaml(file)).toThrow(ConfigFileError);
    expect(() => fromYaml(file)).toThrow(words);
  });
});
