/** Closed-loop load with h2load: gRPC over HTTP/2, or plain POSTs over HTTP/1.1. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOAD_CORE } from "./machine.ts";
import { run, temporaryFolder } from "./processes.ts";

export type H2loadResult = Readonly<{
  requestsPerSecond: number;
  succeeded: number;
  /** Failed, errored or timed out. */
  failed: number;
  /** Bytes of response bodies. */
  dataBytes: number;
  meanMs: number;
}>;

export type LoadRequest = Readonly<{
  url: string;
  /** As it goes over the wire; with gRPC its five-byte prefix included. */
  body: Uint8Array;
  headers: Readonly<Record<string, string>>;
  protocol: "h2" | "h1";
}>;

export type LoadShape = Readonly<{
  connections: number;
  /** Requests under way on each connection; with HTTP/1.1 always one. */
  streams: number;
  seconds: number;
}>;

/** For what h2load needs beside the load. */
const MARGIN_MS = 20_000;
/** Longest load of a fixed number of requests. */
const COUNT_MS = 600_000;

const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 };

/** @throws Error when the text is not the report of h2load */
export function parseH2load(output: string): H2loadResult {
  const pick = (pattern: RegExp): RegExpExecArray => {
    const match = pattern.exec(output);
    if (match === null) throw new Error(`h2load said something else:\n${output.slice(-1_000)}`);
    return match;
  };
  const requests = pick(/(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/);
  const mean = pick(/time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\s/);
  return {
    requestsPerSecond: Number(pick(/finished in [^,]+, ([\d.]+) req\/s/)[1]),
    succeeded: Number(requests[1]),
    failed: Number(requests[2]) + Number(requests[4]),
    dataBytes: Number(pick(/\((\d+)\) data/)[1]),
    meanMs: Number(mean[1]) * (UNITS_MS[mean[2] ?? ""] ?? Number.NaN),
  };
}

/** The load, whatever becomes of its requests. @throws Error when h2load itself fails */
export const loadWith = (request: LoadRequest, shape: LoadShape): Promise<H2loadResult> =>
  h2load(request, shape, ["-D", String(shape.seconds)], shape.seconds * 1_000);

/** A number of requests, as fast as they are answered, each of them to its end. @throws Error when one failed */
export async function runH2loadCount(
  request: LoadRequest,
  shape: Omit<LoadShape, "seconds">,
  requests: number,
): Promise<H2loadResult> {
  const result = await h2load(request, shape, ["-n", String(requests)], COUNT_MS);
  if (result.succeeded !== requests) throw new Error(`${result.succeeded} of ${requests} requests succeeded`);
  return result;
}

async function h2load(
  { url, body, headers, protocol }: LoadRequest,
  { connections, streams }: Omit<LoadShape, "seconds">,
  amount: readonly string[],
  durationMs: number,
): Promise<H2loadResult> {
  const file = join(temporaryFolder(), "body");
  writeFileSync(file, body);
  const h1 = protocol === "h1";
  const command = [
    ...["h2load", "-t", "1", "-c", String(connections), "-m", h1 ? "1" : String(streams), ...amount],
    ...["-d", file, ...(h1 ? ["--h1"] : [])],
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    url,
  ];
  return parseH2load(await run(command, { core: LOAD_CORE, limitMs: durationMs + MARGIN_MS }));
}

/** @throws Error when a request failed */
export async function runH2load(request: LoadRequest, shape: LoadShape): Promise<H2loadResult> {
  const result = await loadWith(request, shape);
  if (result.failed > 0 || result.succeeded === 0) {
    throw new Error(`${request.url}: ${result.failed} requests failed, ${result.succeeded} succeeded`);
  }
  return result;
}
