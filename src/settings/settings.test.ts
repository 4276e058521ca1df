import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readEnvironment } from "./environment.ts";
import { SettingsError } from "./reader.ts";
import { listUnknownVariables, readSettings } from "./settings.ts";

const problemsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readSettings(environment, "/srv");
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
};

describe("settings", () => {
  it("run against the sandbox with the embedded database when nothing is set", () => {
    const settings = readSettings({}, "/srv");
    expect(settings).toMatchObject({
      host: "127.0.0.1",
      grpcPort: 50051,
      httpPort: 8080,
      dataDir: "/srv/data",
      databaseUrl: undefined,
      preset: "classic",
      sandbox: true,
    });
  });

  it("leave the sandbox as soon as one provider has a key", () => {
    expect(readSettings({ KIMI_API_KEY: "k-1" }, "/srv").sandbox).toBe(false);
  });

  it("read Kimi's key from either of its two names", () => {
    const keyOf = (environment: Record<string, string>) =>
      readSettings(environment, "/srv").providers.find(({ id }) => id === "kimi")?.apiKey;
    expect(keyOf({ MOONSHOT_API_KEY: "m" })).toBe("m");
    expect(keyOf({ MOONSHOT_API_KEY: "m", KIMI_API_KEY: "k" })).toBe("k");
  });

  it("take limits of an attempt, each for itself, and no limit that never runs", () => {
    const { timers } = readSettings({ MODELTIER_FIRST_TOKEN_TIMEOUT_MS: "20000" }, "/srv");
    expect(timers).toEqual({ firstTokenMs: 20_000 });
    expect(problemsOf({ MODELTIER_BYTE_SILENCE_MS: "0", MODELTIER_HEADERS_TIMEOUT_MS: "2.5" })).toEqual([
      'MODELTIER_HEADERS_TIMEOUT_MS is "2.5"; use a whole number of ms from 1 to 900000',
      'MODELTIER_BYTE_SILENCE_MS is "0"; use a whole number of ms from 1 to 900000',
    ]);
  });

  it("take limits by tier and by model as JSON, and say what of it is wrong", () => {
    const limits = {
      turbo: {},
      "opnai/gpt-4o": {},
      fast: { firstTokenMs: "5", retries: 1 },
      "openai/gpt-4o": { maxAttempts: 2 },
    };
    expect(problemsOf({ MODELTIER_LIMITS: JSON.stringify(limits) })).toEqual([
      'MODELTIER_LIMITS names "turbo"; use fast, balanced, powerful, anthropic/…, kimi/…, openai/…',
      'MODELTIER_LIMITS names "opnai/gpt-4o"; use fast, balanced, powerful, anthropic/…, kimi/…, openai/…',
      "MODELTIER_LIMITS has fast.firstTokenMs, which is not a number",
      expect.stringMatching(
        /^MODELTIER_LIMITS has fast.retries, which is not one of headersMs, .*callTimeoutMs$/,
      ),
      expect.stringMatching(
        /^MODELTIER_LIMITS has openai\/gpt-4o.maxAttempts, which is not one of headersMs/,
      ),
    ]);
    for (const text of ["fast=1", "[]", "null"]) {
      expect(problemsOf({ MODELTIER_LIMITS: text })).toEqual([
        'MODELTIER_LIMITS is not a JSON object like {"fast":{"firstTokenMs":5000}}',
      ]);
    }
    expect(problemsOf({ MODELTIER_LIMITS: '{"fast":5}' })).toEqual([
      'MODELTIER_LIMITS has no object for "fast"',
    ]);
  });

  it("refuse calls under a budget without the database, and lease its slices for two minutes", () => {
    expect(readSettings({}, "/srv")).toMatchObject({
      budgetWithoutDatabase: "refuse",
      budgetLeaseMs: 120_000,
    });
    const other = { MODELTIER_BUDGET_WITHOUT_DATABASE: "allow", MODELTIER_BUDGET_LEASE_SECONDS: "2.5" };
    expect(readSettings(other, "/srv")).toMatchObject({
      budgetWithoutDatabase: "allow",
      budgetLeaseMs: 2_500,
    });
    expect(problemsOf({ MODELTIER_BUDGET_LEASE_SECONDS: "0.1" })).toEqual([
      'MODELTIER_BUDGET_LEASE_SECONDS is "0.1"; use at least 1',
    ]);
  });

  it("deliver answers as they come, unless all are to be assured", () => {
    expect(readSettings({}, "/srv").delivery).toBeUndefined();
    expect(readSettings({ MODELTIER_DELIVERY: "ASSURED" }, "/srv").delivery).toBe("ASSURED");
    expect(problemsOf({ MODELTIER_DELIVERY: "SOON" })).toEqual([
      'MODELTIER_DELIVERY is "SOON"; use LIVE or ASSURED',
    ]);
  });

  it("report every wrong variable at once, by name", () => {
    const problems = problemsOf({
      MODELTIER_GRPC_PORT: "70000",
      MODELTIER_PRESET: "latest",
      DATABASE_URL: "mysql://root@localhost/x",
      MODELTIER_PROVIDERS: "ollama",
      MODELTIER_TIER_FAST: "nobody/gpt-4o-mini",
    });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual([
      "OLLAMA_BASE_URL",
      "MODELTIER_GRPC_PORT",
      "DATABASE_URL",
      "MODELTIER_PRESET",
      "MODELTIER_TIER_FAST",
    ]);
  });

  it("serve with one process, and with several only where they can share a Postgres", () => {
    const url = "postgres://localhost/x";
    expect(readSettings({}, "/srv").workers).toBe(1);
    expect(readSettings({ MODELTIER_WORKERS: "4", DATABASE_URL: url }, "/srv").workers).toBe(4);
    expect(problemsOf({ MODELTIER_WORKERS: "1" })).toEqual([]);
    expect(problemsOf({ MODELTIER_WORKERS: "4" })).toEqual([
      "MODELTIER_WORKERS is 4 and DATABASE_URL is not set: the embedded database serves one process; give a Postgres, or use 1",
    ]);
    expect(problemsOf({ MODELTIER_WORKERS: "1.5", DATABASE_URL: url })).toEqual([
      'MODELTIER_WORKERS is "1.5"; use a whole number from 1 to 256',
    ]);
    expect(listUnknownVariables({ MODELTIER_WORKERS: "4" })).toEqual([]);
  });

  it("never quote a key or a database password", () => {
    const problems = problemsOf({ OPENAI_API_KEY: "sk secret", DATABASE_URL: "pg://user:hunter2@host/db" });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toMatch(/secret|hunter2/);
  });

  it("take a token secret only when it is long enough to sign with, and never quote it", () => {
    expect(problemsOf({ MODELTIER_TOKEN_SECRET: "x".repeat(32) })).toEqual([]);
    expect(problemsOf({ MODELTIER_TOKEN_SECRET: "hunter2".repeat(4) })).toEqual([
      "MODELTIER_TOKEN_SECRET is too short to sign with: use at least 32 random characters",
    ]);
  });

  it("refuse the SDKs' custom headers, which would reach other providers", () => {
    expect(problemsOf({ OPENAI_CUSTOM_HEADERS: "x: y" })[0]).toMatch(/^OPENAI_CUSTOM_HEADERS is set/);
  });

  it("add OpenAI-compatible servers by name and base URL, with or without a key", () => {
    const { providers, sandbox, tierTargets } = readSettings(
      {
        MODELTIER_PROVIDERS: "ollama, my-vllm",
        OLLAMA_BASE_URL: "http://127.0.0.1:11434/v1/",
        MY_VLLM_BASE_URL: "https://vllm.example/v1",
        MY_VLLM_API_KEY: "v",
        MODELTIER_TIER_FAST: "ollama/llama3.2, openai/gpt-4o-mini",
      },
      "/srv",
    );
    expect(sandbox).toBe(false);
    expect(providers.slice(3)).toMatchObject([
      { id: "ollama", dialect: "openai", baseUrl: "http://127.0.0.1:11434/v1", keyRequired: false },
      { id: "my-vllm", dialect: "openai", apiKey: "v" },
    ]);
    expect(tierTargets.fast).toEqual([
      { provider: "ollama", model: "llama3.2" },
      { provider: "openai", model: "gpt-4o-mini" },
    ]);
  });

  it("take the process's variables over .env.local, and those over .env; an empty one is not set", () => {
    const folder = mkdtempSync(join(tmpdir(), "modeltier-settings-"));
    writeFileSync(join(folder, ".env"), "A=1\nB=1\nC=1\nD=1\n");
    writeFileSync(join(folder, ".env.local"), "A=2\nB=2\nD=\n");
    expect(readEnvironment({ A: "3", C: "" }, folder)).toEqual({ A: "3", B: "2", C: "1", D: "1" });
  });

  it("notice a variable that is most likely misspelt", () => {
    expect(listUnknownVariables({ MODELTIER_GRPC_PROT: "1", MODELTIER_HOST: "::1" })).toEqual([
      "MODELTIER_GRPC_PROT",
    ]);
  });

  it("has records wait in the data folder, safe from the end of the process, unless told otherwise", () => {
    expect(readSettings({ MODELTIER_DATA_DIR: "/var/data" }, "/srv")).toMatchObject({
      durability: "os",
      spoolDir: "/var/data/spool",
      spoolBytes: 512 * 1024 * 1024,
    });
    expect(
      readSettings({ MODELTIER_DURABILITY: "fsync", MODELTIER_SPOOL_DIR: "records" }, "/srv"),
    ).toMatchObject({
      durability: "fsync",
      spoolDir: "/srv/records",
    });
    expect(problemsOf({ MODELTIER_SPOOL_BYTES: "1000", MODELTIER_DURABILITY: "always" })).toEqual([
      'MODELTIER_DURABILITY is "always"; use os or fsync',
      "MODELTIER_SPOOL_BYTES is 1000; use at least 2097152",
    ]);
  });
});
