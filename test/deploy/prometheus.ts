/** A real Prometheus on a free port, with a folder of its own, for as long as a test takes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEPLOY } from "./dashboards.ts";

export const hasPrometheus = ["prometheus", "promtool"].every(
  (command) => spawnSync(command, ["--version"]).status === 0,
);

type Sample = readonly [time: number, value: string];
export type Series = Readonly<{ metric: Record<string, string>; value?: Sample; values?: readonly Sample[] }>;

export type Rule = Readonly<{
  type: "alerting" | "recording";
  name: string;
  query: string;
  health: string;
  lastError?: string;
  labels: Record<string, string>;
  annotations?: Record<string, string>;
}>;

export type ActiveAlert = Readonly<{ labels: Record<string, string>; annotations: Record<string, string> }>;

export type Prometheus = Readonly<{
  /** At this moment. @throws with what Prometheus says of a query that is wrong */
  query(expr: string): Promise<readonly Series[]>;
  /** Over the last minute, a value every two seconds. */
  queryRange(expr: string): Promise<readonly Series[]>;
  labelValues(label: string, series: string): Promise<readonly string[]>;
  /** Every rule that it loaded. */
  rules(): Promise<readonly Rule[]>;
  /** Those whose condition is met now, pending or firing, as whoever is called reads them. */
  activeAlerts(): Promise<readonly ActiveAlert[]>;
  stop(): Promise<void>;
}>;

/**
 * Scrapes every second under the job "modeltier", and evaluates the recording rules as often.
 * @param targets "127.0.0.1:8080"
 * @param history what it is to remember from before, as OpenMetrics text
 */
export async function startPrometheus(targets: readonly string[], history: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "mt-prometheus-"));
  writeConfig(folder, targets);
  remember(folder, history);
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      "--web.listen-address=127.0.0.1:0",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const url = await addressOf(child);
  const get = async (path: string, parameters: Record<string, string>): Promise<unknown> => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = (await response.json()) as { status: string; error?: string; data: unknown };
    if (body.status !== "success") throw new Error(`${JSON.stringify(parameters)}: ${body.error}`);
    return body.data;
  };
  const seriesOf = async (path: string, parameters: Record<string, string>) =>
    ((await get(path, parameters)) as { result: readonly Series[] }).result;
  return {
    query: (query) => seriesOf("query", { query }),
    queryRange: (query) => {
      const end = Date.now() / 1000;
      return seriesOf("query_range", { query, start: String(end - 60), end: String(end), step: "2" });
    },
    labelValues: async (label, series) =>
      (await get(`label/${label}/values`, { "match[]": series })) as readonly string[],
    rules: async () => {
      const { groups } = (await get("rules", {})) as { groups: readonly { rules: readonly Rule[] }[] };
      return groups.flatMap(({ rules }) => rules);
    },
    activeAlerts: async () => ((await get("alerts", {})) as { alerts: readonly ActiveAlert[] }).alerts,
    async stop() {
      const gone = once(child, "exit");
      child.kill("SIGKILL"); // nothing of it is kept
      await gone;
      process.off("exit", killWithUs);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The files of the deployment; only the intervals and the targets are the test's. */
function writeConfig(folder: string, targets: readonly string[]): void {
  const read = (name: string) => readFileSync(`${DEPLOY}prometheus/${name}`, "utf8");
  const everySecond = (yaml: string) => yaml.replaceAll(/interval: \d+[sm]$/gm, "interval: 1s");
  const config = everySecond(read("prometheus.yml")).replace('["localhost:8080"]', JSON.stringify(targets));
  writeFileSync(join(folder, "prometheus.yml"), config);
  writeFileSync(join(folder, "recording.yml"), everySecond(read("recording.yml")));
  copyFileSync(`${DEPLOY}prometheus/alerts.yml`, join(folder, "alerts.yml"));
}

function remember(folder: string, history: string): void {
  const file = join(folder, "history.txt");
  writeFileSync(file, history);
  const { status, stderr } = spawnSync(
    "promtool",
    ["tsdb", "create-blocks-from", "openmetrics", file, join(folder, "data")],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr);
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const [, address] = /msg="Listening on" address=(\S+)/.exec(output) ?? [];
      if (address !== undefined && output.includes("Server is ready")) resolve(`http://${address}`);
    });
    child.once("exit", () => reject(new Error(output)));
  });
}
