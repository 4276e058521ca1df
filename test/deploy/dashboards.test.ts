/** What every dashboard has to have, whoever edited it last. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { type Dashboard, DEPLOY, type Panel, readDashboards } from "./dashboards.ts";

const DATASOURCE = { type: "prometheus", uid: "${" + "datasource}" };
const UNITS = ["bytes", "currencyUSD", "percentunit", "reqps", "s", "short"];
const COLOURS = {
  anthropic: "#B4552D",
  kimi: "#2F5BD0",
  openai: "#0E8A6B",
  other: "#7A7A76",
  fast: "#BFD0F5",
  balanced: "#6F90E3",
  powerful: "#27489F",
};

const dashboards = readDashboards();

it("are the four that are linked to one another", () => {
  const uids = [...dashboards].map(([file, { uid }]) => [file, uid]);
  expect(uids.sort()).toEqual([
    ["cost.json", "modeltier-cost"],
    ["overview.json", "modeltier-overview"],
    ["providers.json", "modeltier-providers"],
    ["reliability.json", "modeltier-reliability"],
  ]);
});

describe.each([...dashboards])("%s", (file, dashboard) => {
  const panels: readonly (readonly [string, Panel])[] = dashboard.panels.map((panel) => [panel.title, panel]);

  it("is of the present schema, and leads to the others with variables and time kept", () => {
    expect(dashboard.schemaVersion).toBe(42);
    expect(dashboard.tags).toContain("modeltier");
    expect(dashboard.links).toMatchObject([
      { type: "dashboards", tags: ["modeltier"], includeVars: true, keepTime: true },
    ]);
  });

  it("lets one choose data source, job, provider, model and tier", () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(["datasource", "job", "provider", "model", "tier"]);
  });

  it("marks configuration versions on the time axis", () => {
    const expressions = dashboard.annotations.list.map(({ expr = "" }) => expr);
    expect(expressions.some((expr) => expr.includes("modeltier_config_version"))).toBe(true);
  });

  it("takes all data from the data source that is chosen, and names no host", () => {
    const sources = [
      ...dashboard.panels.flatMap(({ datasource, targets }) => [
        datasource,
        ...targets.map((target) => target.datasource),
      ]),
      ...dashboard.templating.list.flatMap(({ datasource = [] }) => datasource),
      ...dashboard.annotations.list.flatMap(({ expr, datasource }) =>
        expr === undefined ? [] : [datasource],
      ),
    ];
    for (const source of sources) expect(source).toEqual(DATASOURCE);
    expect(readFileSync(`${DEPLOY}grafana/${file}`, "utf8")).not.toMatch(
      /https?:|localhost|\d+\.\d+\.\d+\.\d+/,
    );
  });

  it("has panels with ids of their own, none over another or beside the screen", () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(cellsOf);
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });

  it.each(panels)(
    "%s says what it shows, in which unit, and what it means when there is nothing",
    (title, panel) => {
      const { unit, noValue, thresholds } = panel.fieldConfig.defaults;
      expect(title).toMatch(/^[A-Z].*\?$/);
      expect(panel.description).toMatch(/\.$/);
      expect(noValue).toMatch(/\.$|: /);
      expect(UNITS).toContain(unit);
      expect(thresholds.steps[0]?.value).toBeNull();
    },
  );

  it("asks only for metrics that there are", () => {
    const known = knownMetrics();
    for (const name of metricsIn(dashboard)) expect(known).toContain(name);
  });

  it("gives every provider and tier its colour wherever series are drawn", () => {
    for (const { type, title, fieldConfig } of dashboard.panels) {
      if (type !== "timeseries") continue;
      const drawn = fieldConfig.overrides.map(({ matcher, properties }) => [
        matcher.options,
        properties[0]?.value.fixedColor,
      ]);
      expect(Object.fromEntries(drawn), title).toEqual(COLOURS);
    }
  });
});

it("show the target of the balanced provider as a band from 60 to 70 %", () => {
  const bands = [...dashboards.values()]
    .flatMap(({ panels }) => panels)
    .filter(({ title }) => title.includes("60 to 70 %"))
    .map(({ fieldConfig }) => fieldConfig.defaults.thresholds.steps.map(({ value }) => value));
  expect(bands).toEqual([[null, 0.6, 0.7]]);
});

function cellsOf({ gridPos: { x, y, w, h } }: Panel): readonly string[] {
  return Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`);
}

/** Those of one process; budgets, targets and workers register theirs where they are built. */
function knownMetrics(): ReadonlySet<string> {
  const elsewhere = [
    "budget_limit",
    "budget_spent",
    "budget_reserved",
    "calibrated_score_target_share",
    "tier_outperformed",
    "tier_target",
    "worker_restarts_total",
  ];
  const names = createMetrics()
    .registry.getMetricsAsArray()
    .map(({ name }) => name);
  return new Set([...names, ...elsewhere.map((name) => `modeltier_${name}`)]);
}

/** Without the recording rules, which have a colon in their names. */
const metricsIn = ({ panels }: Dashboard): ReadonlySet<string> =>
  new Set(
    panels
      .flatMap(({ targets }) => targets)
      .flatMap(({ expr }) => expr.match(/(?<![\w:])modeltier_\w+(?!\w*:)/g) ?? [])
      .map((name) => name.replace(/_bucket$/, "")),
  );
