/** The rules as promtool judges them: their form, and in alerts.test.yml when each alert fires and when it does not. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DEPLOY } from "./dashboards.ts";
import { hasPrometheus } from "./prometheus.ts";

const PROMETHEUS = `${DEPLOY}prometheus/`;
const UNIT_TESTS = fileURLToPath(new URL("alerts.test.yml", import.meta.url));
const ALERTS = readFileSync(`${PROMETHEUS}alerts.yml`, "utf8").match(/(?<=- alert: )\w+/g) ?? [];

/** What it complained of; "" when it did not. */
function promtool(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  return status === 0 ? "" : stdout + stderr;
}

describe.runIf(hasPrometheus)("promtool", () => {
  it("finds nothing wrong with the configuration and the rules", () => {
    expect(promtool("check", "config", `${PROMETHEUS}prometheus.yml`)).toBe("");
    expect(promtool("check", "rules", `${PROMETHEUS}recording.yml`, `${PROMETHEUS}alerts.yml`)).toBe("");
  });

  it("sees every alert fire when it should and stay silent when it should not", () => {
    expect(promtool("test", "rules", UNIT_TESTS)).toBe("");
  });
});

it("every alert has a test for firing and one for silence", () => {
  const tests = readFileSync(UNIT_TESTS, "utf8")
    .split(/^ {2}- name: /m)
    .slice(1);
  expect(ALERTS.length).toBe(15);
  for (const alert of ALERTS) {
    const own = tests.filter((test) => test.startsWith(`${alert} `));
    const silent = own.filter((test) => test.includes("exp_samples: []"));
    expect(silent.length, alert).toBeGreaterThan(0);
    expect(own.length, alert).toBeGreaterThan(silent.length);
  }
});
