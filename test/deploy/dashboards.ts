/** The dashboards as files, and the queries in them as Prometheus gets them. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));

type Datasource = Readonly<{ type: string; uid: string }>;
type Thresholds = Readonly<{ steps: readonly Readonly<{ color: string; value: number | null }>[] }>;

export type Target = Readonly<{ datasource: Datasource; expr: string; refId: string; instant: boolean }>;

export type Panel = Readonly<{
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource: Datasource;
  gridPos: Readonly<{ x: number; y: number; w: number; h: number }>;
  targets: readonly Target[];
  fieldConfig: Readonly<{
    defaults: Readonly<{ unit?: string; noValue?: string; thresholds: Thresholds }>;
    overrides: readonly Readonly<{
      matcher: Readonly<{ id: string; options: string }>;
      properties: readonly Readonly<{ id: string; value: Readonly<{ fixedColor?: string }> }>[];
    }>[];
  }>;
}>;

export type Dashboard = Readonly<{
  uid: string;
  title: string;
  tags: readonly string[];
  schemaVersion: number;
  links: readonly Readonly<{
    type: string;
    tags: readonly string[];
    includeVars: boolean;
    keepTime: boolean;
  }>[];
  annotations: Readonly<{
    list: readonly Readonly<{ name: string; datasource: Datasource; expr?: string }>[];
  }>;
  templating: Readonly<{
    list: readonly Readonly<{ name: string; type: string; datasource?: Datasource; definition?: string }>[];
  }>;
  panels: readonly Panel[];
}>;

/** By file name. */
export function readDashboards(): ReadonlyMap<string, Dashboard> {
  const folder = `${DEPLOY}grafana/`;
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return new Map(files.map((file) => [file, JSON.parse(readFileSync(folder + file, "utf8")) as Dashboard]));
}

export type Query = Readonly<{
  /** Where it stands: dashboard, panel and letter. */
  where: string;
  expr: string;
  /** At one moment; else over the range. */
  instant: boolean;
}>;

/** Every query of every panel and annotation, its variables filled in as Grafana does when nothing is filtered. */
export function listQueries(dashboards: Iterable<Dashboard>): readonly Query[] {
  return [...dashboards].flatMap(({ title, panels, annotations }) => [
    ...panels.flatMap((panel) =>
      panel.targets.map(({ expr, instant, refId }) => ({
        where: `${title}, "${panel.title}", ${refId}`,
        expr: fillIn(expr),
        instant,
      })),
    ),
    ...annotations.list.flatMap(({ name, expr }) =>
      expr === undefined
        ? []
        : [{ where: `${title}, annotation ${name}`, expr: fillIn(expr), instant: false }],
    ),
  ]);
}

/** Of every variable that Prometheus fills: the label and the series it is read from. */
export function listVariables(
  dashboards: Iterable<Dashboard>,
): readonly Readonly<{ where: string; label: string; series: string }>[] {
  return [...dashboards].flatMap(({ title, templating }) =>
    templating.list.flatMap(({ name, definition }) => {
      const [, series, label] = /^label_values\((.*), (\w+)\)$/.exec(definition ?? "") ?? [];
      return series === undefined || label === undefined
        ? []
        : [{ where: `${title}, variable ${name}`, label, series: fillIn(series) }];
    }),
  );
}

const fillIn = (expr: string): string =>
  expr
    .replaceAll("$__rate_interval", "30s")
    .replaceAll("$__range", "5m")
    .replaceAll("$job", "modeltier")
    .replaceAll(/\$(provider|model|tier)\b/g, ".*");
