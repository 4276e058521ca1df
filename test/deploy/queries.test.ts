/** Every query of every dashboard and alert, on a real Prometheus that scrapes real services to which everything happens. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEPLOY, listQueries, listVariables, type Query, readDashboards } from "./dashboards.ts";
import { type Scene, setScene } from "./load.ts";
import { hasPrometheus, type Prometheus, type Rule, type Series, startPrometheus } from "./prometheus.ts";

const HOUR_S = 3_600;
/** For series that need a few scrapes, and for the embedded database's pace. */
const PATIENCE = { timeout: 40_000, interval: 500 };

if (!hasPrometheus) {
  console.warn("SKIPPED: dashboards and alerts on a real Prometheus. `.ci/run` installs Debian's package.");
}

/** A worker that dies and a price that is wrong are for other tests; here their panels may show the zero they fill in. */
const NEVER_HERE = /modeltier_(worker_restarts|budget_overruns)_total/;

const dashboards = [...readDashboards().values()];

/** The day before: calls a thousand times cheaper than today's, an hour at a time. */
function dayBefore(nowS: number): string {
  const thisHour = Math.floor(nowS / HOUR_S) * HOUR_S;
  const hours = Array.from({ length: 26 }, (_, index) => thisHour - (26 - index) * HOUR_S);
  const labels = '{job="modeltier",provider="kimi",model="kimi-k2-0905-preview",tier="balanced"}';
  return [
    ...hours.map((at) => `job:modeltier_cost_per_call_usd:mean1h{job="modeltier"} 0.000001 ${at}`),
    ...hours.map((at) => `job_provider_model_tier:modeltier_provider_cost_usd:increase1h${labels} 0.5 ${at}`),
    "# EOF\n",
  ].join("\n");
}

describe.runIf(hasPrometheus)("on a real Prometheus", () => {
  let scene: Scene;
  let prometheus: Prometheus;
  let rules: readonly Rule[];
  let isOver = false;
  let playing: Promise<void>;

  beforeAll(async () => {
    scene = await setScene();
    prometheus = await startPrometheus(scene.targets, dayBefore(Date.now() / 1000));
    rules = await prometheus.rules();
    playing = (async () => {
      while (!isOver) await scene.play();
    })();
  });
  afterAll(async () => {
    isOver = true;
    await playing;
    await prometheus?.stop();
    await scene?.stop();
  });

  /** Those without a single number. @throws when Prometheus refuses one */
  const listEmpty = async (queries: readonly Query[]): Promise<readonly string[]> => {
    const empty: string[] = [];
    for (const { where, expr, instant } of queries) {
      const series = await (instant ? prometheus.query(expr) : prometheus.queryRange(expr));
      if (!series.some(hasNumber)) empty.push(`${where}: ${expr}`);
    }
    return empty;
  };

  it("every panel and every annotation has something to show", async () => {
    const queries = listQueries(dashboards).map(withoutZero);
    expect(queries.length).toBeGreaterThan(50);
    await expect.poll(() => listEmpty(queries), PATIENCE).toEqual([]);
  });

  it("every variable has something to choose from", async () => {
    const variables = listVariables(dashboards);
    expect(variables.length).toBe(4 * dashboards.length);
    for (const { where, label, series } of variables) {
      expect(await prometheus.labelValues(label, series), where).not.toEqual([]);
    }
  });

  it("every alert's condition can be met", async () => {
    const alerts = rules.filter(({ type }) => type === "alerting");
    expect(alerts.length).toBe(15);
    const queries = alerts.map(({ name, query }) => ({ where: name, expr: query, instant: true }));
    await expect.poll(() => listEmpty(queries), PATIENCE).toEqual([]);
  });

  it("every alert reads as a sentence, its values filled in", async () => {
    const names = new Set(rules.flatMap(({ type, name }) => (type === "alerting" ? [name] : [])));
    const active = async () =>
      new Set((await prometheus.activeAlerts()).map(({ labels }) => labels.alertname));
    await expect.poll(active, PATIENCE).toEqual(names);
    for (const { labels, annotations } of await prometheus.activeAlerts()) {
      const text = `${annotations.summary} ${annotations.description}`;
      expect(text, labels.alertname).not.toMatch(/error expanding|no value|\{\{|: \/|NaN/);
    }
  });

  it("every rule is evaluated without an error", async () => {
    const faulty = async () => (await prometheus.rules()).filter(({ health }) => health !== "ok");
    await expect.poll(faulty, { timeout: 20_000 }).toEqual([]);
  });

  it("every alert says how bad it is, what is wrong, and what to do, here and in the README", () => {
    const headings = new Set(readFileSync(`${DEPLOY}README.md`, "utf8").match(/^### \w+$/gm));
    for (const { type, name, labels, annotations } of rules) {
      if (type !== "alerting") continue;
      expect(["critical", "warning"], name).toContain(labels.severity);
      expect(annotations, name).toEqual({
        summary: expect.stringMatching(/\S/),
        description: expect.stringMatching(/\.$/),
        runbook: `deploy/README.md#${name.toLowerCase()}`,
      });
      expect(headings, name).toContain(`### ${name}`);
    }
  });
});

/** A zero that is filled in where there is no series would hide that there is none. */
const withoutZero = (query: Query): Query =>
  NEVER_HERE.test(query.expr) ? query : { ...query, expr: query.expr.replaceAll(" or vector(0)", "") };

const hasNumber = ({ value, values = [] }: Series): boolean =>
  [...(value === undefined ? [] : [value]), ...values].some(([, number]) => Number.isFinite(Number(number)));
