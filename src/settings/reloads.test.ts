import { expect, it } from "vitest";
import { listNotReloaded } from "./reloads.ts";
import { readSettings } from "./settings.ts";

const read = (environment: Record<string, string>) => readSettings(environment, "/srv");
const KEY = { KIMI_API_KEY: "k-1" };

it("takes keys, base URLs and names of providers, and nothing else", () => {
  const latest = {
    KIMI_API_KEY: "k-2",
    OPENAI_BASE_URL: "http://proxy/v1",
    MODELTIER_PROVIDERS: "ollama",
    OLLAMA_BASE_URL: "http://ollama/v1",
    MODELTIER_HEDGING: "true",
    LOG_LEVEL: "debug",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
    OTEL_SERVICE_NAME: "shop",
    A_STRANGER: "1",
  };
  expect(listNotReloaded(read(KEY), read(latest), false)).toEqual([
    "LOG_LEVEL",
    "MODELTIER_HEDGING",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SERVICE_NAME",
  ]);
});

it("leaves what is taken away as it leaves what is changed, and says nothing of what stayed", () => {
  const started = read({ ...KEY, MODELTIER_TIER_FAST: "openai/gpt-4o", MODELTIER_DELIVERY: "ASSURED" });
  const latest = read({ ...KEY, MODELTIER_DELIVERY: "ASSURED" });
  expect(listNotReloaded(started, latest, false)).toEqual(["MODELTIER_TIER_FAST"]);
  expect(listNotReloaded(started, started, false)).toEqual([]);
});

it("can leave the sandbox, and cannot begin it", () => {
  const [on, off] = [
    read({ ...KEY, MODELTIER_SANDBOX: "true" }),
    read({ ...KEY, MODELTIER_SANDBOX: "false" }),
  ];
  expect(listNotReloaded(on, off, false)).toEqual([]);
  expect(listNotReloaded(off, on, false)).toEqual(["MODELTIER_SANDBOX"]);
});
