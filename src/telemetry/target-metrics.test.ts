import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { PRESETS } from "../routing/presets.ts";
import type { RoutingConfig } from "../routing/types.ts";
import { addTargetGauge } from "./target-metrics.ts";

const FIRST_OF_BALANCED = /tier="balanced",provider="(\w+)",model="[^"]+"\} 1$/gm;

it("shows the order of every tier, and forgets the targets of a configuration that is replaced", async () => {
  const registry = new Registry();
  let config: RoutingConfig = PRESETS.classic;
  addTargetGauge(registry, () => config);
  const before = await registry.metrics();
  expect(before).toContain('{tier="balanced",provider="openai",model="gpt-4o-mini"} 2');
  expect([...before.matchAll(FIRST_OF_BALANCED)].map(([, provider]) => provider)).toEqual(["kimi"]);

  const { balanced } = PRESETS.classic.tiers;
  const targets = [{ provider: "openai", model: "gpt-4o" }];
  config = { ...config, tiers: { ...config.tiers, balanced: { ...balanced, targets } } };
  const after = await registry.metrics();
  expect([...after.matchAll(FIRST_OF_BALANCED)].map(([, provider]) => provider)).toEqual(["openai"]);
  expect(after).not.toContain('tier="balanced",provider="kimi"');
});
