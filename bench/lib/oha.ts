/** Load at a fixed rate with oha, whose latency correction counts from the time a request was due. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadRequest } from "./h2load.ts";
import { LOAD_CORE } from "./machine.ts";
import { OHA } from "./peers.ts";
import { run, temporaryFolder } from "./processes.ts";

export type Latencies = Readonly<{ p50Ms: number; p99Ms: number }>;

export const hasOha = (): boolean => existsSync(OHA);

/** @param output of `oha --output-format json`. @throws Error when a request failed or nothing was measured */
export function parseOha(output: string): Latencies {
  const report: {
    summary?: { successRate?: number };
    latencyPercentiles?: Record<string, number | null>;
    statusCodeDistribution?: Record<string, number>;
  } = JSON.parse(output);
  const { p50, p99 } = report.latencyPercentiles ?? {};
  const statuses = Object.keys(report.statusCodeDistribution ?? {});
  if (report.summary?.successRate !== 1 || statuses.join() !== "200")
    throw new Error(`oha: not every request was answered with 200: ${statuses.join(", ") || "no answer"}`);
  if (typeof p50 !== "number" || typeof p99 !== "number") throw new Error("oha measured no latency");
  return { p50Ms: p50 * 1_000, p99Ms: p99 * 1_000 };
}

type Rate = Readonly<{ perSecond: number; seconds: number; connections: number }>;

export async function runOha(request: LoadRequest, rate: Rate): Promise<Latencies> {
  return parseOha(await oha(request, rate, "--latency-correction"));
}

export type Flood = Readonly<{ answered: number; refused: number; seconds: number }>;

/** @throws Error when anything came back but 200 and 503 */
export function parseFlood(output: string): Flood {
  const report: { summary?: { total?: number }; statusCodeDistribution?: Record<string, number> } =
    JSON.parse(output);
  const { "200": answered = 0, "503": refused = 0, ...others } = report.statusCodeDistribution ?? {};
  if (Object.keys(others).length > 0)
    throw new Error(`oha: neither answered nor refused: ${Object.keys(others).join(", ")}`);
  const seconds = report.summary?.total;
  if (typeof seconds !== "number") throw new Error("oha measured no time");
  return { answered, refused, seconds };
}

/** More requests than can be answered, at a fixed rate. */
export const floodWithOha = async (request: LoadRequest, rate: Rate): Promise<Flood> =>
  parseFlood(await oha(request, rate));

function oha(
  { url, body, headers }: LoadRequest,
  { perSecond, seconds, connections }: Rate,
  ...more: readonly string[]
): Promise<string> {
  const file = join(temporaryFolder(), "body");
  writeFileSync(file, body);
  const command = [
    ...[OHA, "--no-tui", "--output-format", "json", ...more, "-q", String(perSecond)],
    ...["-n", String(perSecond * seconds), "-c", String(connections), "-m", "POST", "-D", file],
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    url,
  ];
  return run(command, { core: LOAD_CORE, limitMs: (seconds + 30) * 1_000 });
}
