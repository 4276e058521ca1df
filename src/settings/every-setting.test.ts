/** Every variable of the environment, changed by itself, changes what happens: seen here, or by the test that is named. A variable without either fails. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answers } from "../completion/testing/hedging.ts";
import { fail, headers, says, send, text } from "../completion/testing/scripted-provider.ts";
import { type ConfigDocument, documentOf } from "../config/document.ts";
import { decide, ran, resolved } from "../config/testing/observers.ts";
import { ProviderHub } from "../providers/hub.ts";
import { createTransport } from "../providers/transport.ts";
import { limitsOf, timersOf } from "../routing/types.ts";
import { routingConfigOf } from "../service/routing-config.ts";
import { ROUTING_VARIABLES } from "./routing-variables.ts";
import { listUnknownVariables, readSettings, type Settings } from "./settings.ts";

/** So that nothing is optional any more: every variable that is ever asked for is. */
const EVERYTHING = {
  MODELTIER_PROVIDERS: "ollama",
  OLLAMA_BASE_URL: "http://ollama/v1",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
};
const KEYS = { OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a", KIMI_API_KEY: "k" };

type Observe = (settings: Settings) => unknown;
/** What is set, what it is seen in, and what else is set. */
type Case = readonly [value: string, Observe, others?: Readonly<Record<string, string>>];

const documentIn = (settings: Settings): ConfigDocument => documentOf(routingConfigOf(settings));
const decisions: Observe = (settings) => decide(documentIn(settings));
const limits: Observe = (settings) => {
  const config = resolved(documentIn(settings));
  const target = { provider: "openai", model: "gpt-4o-mini" };
  return (["fast", "balanced", "powerful"] as const).map((tier) => [
    timersOf(config, { ...target, tier }),
    limitsOf(config, tier),
  ]);
};
/** Which providers can be called, where, and with which key. */
const callable: Observe = ({ providers }) => {
  const { availability, addresses } = new ProviderHub(createTransport(), providers).current;
  return [
    [...availability],
    [...addresses],
    providers.map(({ id, apiKey, baseUrl }) => [id, apiKey, baseUrl]),
  ];
};

const GPT4 = "openai/gpt-4o";
const SEEN_HERE: Readonly<Record<string, Case>> = {
  MODELTIER_PRESET: ["current", decisions],
  MODELTIER_RETIRED_MODELS: ["try", decisions],
  MODELTIER_PROMPT_CACHE: ["off", decisions],
  MODELTIER_TIER_FAST: [GPT4, decisions],
  MODELTIER_TIER_BALANCED: [GPT4, decisions],
  MODELTIER_TIER_POWERFUL: [GPT4, decisions],
  MODELTIER_HEADERS_TIMEOUT_MS: ["7", limits],
  MODELTIER_FIRST_TOKEN_TIMEOUT_MS: ["7", limits],
  MODELTIER_BYTE_SILENCE_MS: ["7", limits],
  MODELTIER_CONTENT_SILENCE_MS: ["7", limits],
  MODELTIER_LIMITS: ['{"fast":{"callTimeoutMs":5000},"openai/gpt-4o-mini":{"headersMs":7}}', limits],
  MODELTIER_HEDGING: [
    "true",
    (settings) =>
      ran(documentIn(settings), { "a/one": [answers(2_000, "late")], "b/two": [says("hello")] }, 200),
  ],
  MODELTIER_DELIVERY: [
    "ASSURED",
    (settings) =>
      ran(documentIn(settings), { "a/one": [[headers, send(text("hel")), fail("server_error", {})]] }),
  ],
  OPENAI_API_KEY: ["other", callable],
  ANTHROPIC_API_KEY: ["other", callable],
  KIMI_API_KEY: ["other", callable],
  MOONSHOT_API_KEY: ["other", callable, { KIMI_API_KEY: "" }],
  OPENAI_BASE_URL: ["http://proxy/v1", callable],
  ANTHROPIC_BASE_URL: ["http://proxy", callable],
  KIMI_BASE_URL: ["http://proxy/v1", callable],
  MODELTIER_PROVIDERS: ["ollama", callable, { OLLAMA_BASE_URL: "http://ollama/v1" }],
  OLLAMA_BASE_URL: [
    "http://elsewhere/v1",
    callable,
    { MODELTIER_PROVIDERS: "ollama", OLLAMA_BASE_URL: "http://ollama/v1" },
  ],
  OLLAMA_API_KEY: ["other", callable, { MODELTIER_PROVIDERS: "ollama", OLLAMA_BASE_URL: "http://ollama/v1" }],
};

/** What takes a process, a port or a database to see. */
const SEEN_BY: Readonly<Record<string, string>> = {
  MODELTIER_HOST: "test/e2e/settings.test.ts",
  MODELTIER_KEEPALIVE_MS: "test/faults/c-vanished.test.ts",
  MODELTIER_KEEPALIVE_TIMEOUT_MS: "test/faults/c-vanished.test.ts",
  MODELTIER_IDLE_CONNECTION_MS: "test/faults/c-vanished.test.ts",
  MODELTIER_PRIVATE_UPSTREAMS: "test/faults/x-outbound.test.ts",
  MODELTIER_GRPC_PORT: "test/e2e/workers-lifecycle.test.ts",
  MODELTIER_HTTP_PORT: "test/e2e/workers-lifecycle.test.ts",
  MODELTIER_METRICS_PORT: "test/faults/x-ports.test.ts",
  MODELTIER_ADMIN_PORT: "test/faults/x-ports.test.ts",
  MODELTIER_PRIVATE_HOST: "test/faults/x-ports.test.ts",
  MODELTIER_WORKERS: "test/e2e/workers.test.ts",
  MODELTIER_DATA_DIR: "test/e2e/settings.test.ts",
  DATABASE_URL: "test/e2e/accounting.test.ts",
  MODELTIER_SANDBOX: "test/e2e/listeners.test.ts",
  MODELTIER_SANDBOX_PORT: "test/e2e/settings.test.ts",
  MODELTIER_SANDBOX_TOKENS_PER_SECOND: "test/e2e/listeners.test.ts",
  MODELTIER_ALLOW_IMAGE_URLS: "test/e2e/settings.test.ts",
  MODELTIER_ADMIN_TOKEN: "test/e2e/budgets.test.ts",
  MODELTIER_DURABILITY: "test/faults/d-spool.test.ts",
  MODELTIER_SPOOL_DIR: "test/store/spool.test.ts",
  MODELTIER_SPOOL_BYTES: "test/faults/d-spool.test.ts",
  MODELTIER_RETENTION_DAYS: "test/faults/d-retention.test.ts",
  MODELTIER_KEY_PEPPER: "test/faults/x-keys.test.ts",
  MODELTIER_PROMPT_STORAGE: "test/faults/x-prompts.test.ts",
  MODELTIER_PROMPT_KEY: "test/faults/x-prompts.test.ts",
  MODELTIER_PROMPT_OLD_KEYS: "test/faults/x-prompts.test.ts",
  MODELTIER_PROMPT_TTL_HOURS: "test/faults/x-prompts.test.ts",
  MODELTIER_METRICS_TOKEN: "test/faults/x-access.test.ts",
  MODELTIER_ALLOWED_HOSTS: "test/faults/x-browser.test.ts",
  MODELTIER_TLS_CERT_FILE: "test/faults/x-tls.test.ts",
  MODELTIER_TLS_KEY_FILE: "test/faults/x-tls.test.ts",
  MODELTIER_TLS_CLIENT_CA_FILE: "test/faults/x-tls.test.ts",
  MODELTIER_TLS_CLIENT_AUTH: "test/faults/x-tls.test.ts",
  MODELTIER_TLS_CLIENT_ROLES: "test/faults/x-tls.test.ts",
  MODELTIER_TLS_CRL: "test/faults/x-revoked-certificates.test.ts",
  MODELTIER_TOKEN_SECRET: "test/e2e/decision-token.test.ts",
  MODELTIER_TOKEN_LIFETIME_SECONDS: "test/e2e/decision-token.test.ts",
  MODELTIER_BUDGET_WITHOUT_DATABASE: "test/e2e/budgets.test.ts",
  MODELTIER_BUDGET_LEASE_SECONDS: "test/faults/m-budgets.test.ts",
  MODELTIER_MAX_CALLS: "test/faults/l-overload.test.ts",
  MODELTIER_MAX_REQUEST_BYTES: "test/faults/l-overload.test.ts",
  MODELTIER_MAX_LAG_MS: "test/faults/l-overload.test.ts",
  MODELTIER_MAX_ATTEMPTS_PER_PROVIDER: "test/faults/l-overload.test.ts",
  MODELTIER_GRACE_SECONDS: "test/e2e/listeners.test.ts",
  LOG_LEVEL: "test/e2e/settings.test.ts",
  OTEL_EXPORTER_OTLP_ENDPOINT: "test/e2e/traces.test.ts",
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "test/e2e/settings.test.ts",
  OTEL_EXPORTER_OTLP_PROTOCOL: "src/settings/tracing.test.ts",
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "src/settings/tracing.test.ts",
  OTEL_SDK_DISABLED: "test/e2e/traces-process.test.ts",
  OTEL_TRACES_EXPORTER: "test/e2e/settings.test.ts",
  OTEL_TRACES_SAMPLER: "test/e2e/settings.test.ts",
  OTEL_TRACES_SAMPLER_ARG: "test/e2e/settings.test.ts",
  OTEL_BSP_SCHEDULE_DELAY: "test/e2e/settings.test.ts",
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a variable of the environment", () => {
  it.each(Object.entries(SEEN_HERE))(
    "changes what happens: %s",
    async (name, [value, observe, others = {}]) => {
      const before = withoutEmpty({
        ...KEYS,
        ...others,
        ...(name === "MODELTIER_PROVIDERS" && { [name]: "" }),
      });
      const seen = await observe(readSettings(before, "/srv"));
      expect(await observe(readSettings(before, "/srv")), "it says the same twice").toEqual(seen);
      expect(await observe(readSettings({ ...before, [name]: value }, "/srv"))).not.toEqual(seen);
    },
  );

  it.each(Object.entries(SEEN_BY))("changes what happens: %s, in %s", (name, file) => {
    const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, "utf8")).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it("is seen in one of the two ways, whichever the settings ask for, and is known", () => {
    const asked = [...readSettings(EVERYTHING, "/srv").variables.keys()].filter((name) => !REFUSED.has(name));
    expect([...Object.keys(SEEN_HERE), ...Object.keys(SEEN_BY)].toSorted()).toEqual(asked.toSorted());
    expect(listUnknownVariables(Object.fromEntries(asked.map((name) => [name, "1"])))).toEqual([]);
    expect(Object.keys(SEEN_HERE)).toEqual(expect.arrayContaining(Object.keys(ROUTING_VARIABLES)));
  });
});

/** Setting them is the mistake, which settings.test.ts holds. */
const REFUSED = new Set(["OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"]);

const withoutEmpty = (environment: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
