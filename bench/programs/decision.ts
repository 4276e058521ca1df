/**
 * The decision alone, in process: no listener, no codec. `<seconds>`; one line of JSON. Run with --expose-gc and a young
 * generation so large that nothing is collected while allocations are counted.
 */
import { PRESETS } from "../../src/routing/presets.ts";
import { route } from "../../src/routing/router.ts";
import type { ProviderState, RoutingRequest } from "../../src/routing/types.ts";
import { routingRequestFromProto } from "../../src/rpc/convert/route.ts";
import { allocatedBytes } from "../lib/allocations.ts";
import { median } from "../lib/stats.ts";
import { routeRequest } from "../lib/workloads.ts";

export type DecisionFigures = Readonly<{ promptKb: number; microseconds: number; bytes: number }>;

const SIZES_KB = [2, 10, 100, 1_000];
const SAMPLES = 9;

const config = PRESETS.classic;
const state: ProviderState = {
  today: "2026-01-01",
  sandbox: true,
  providers: new Map(
    ["openai", "anthropic", "kimi"].map((id) => [id, { keyPresent: true, keyVariables: [`${id}_KEY`] }]),
  ),
  targets: new Map(),
};

function decide(request: RoutingRequest): void {
  if (!route(request, config, state).ok) throw new Error("no decision");
}

/** Microseconds of one decision: the median of several samples, each long enough for the clock. */
function time(request: RoutingRequest, sampleMs: number): number {
  const samples: number[] = [];
  for (let sample = 0; sample <= SAMPLES; sample += 1) {
    const start = performance.now();
    let ops = 0;
    let elapsed = 0;
    for (; elapsed < sampleMs; elapsed = performance.now() - start) {
      decide(request);
      ops += 1;
    }
    if (sample > 0) samples.push((elapsed / ops) * 1_000); // the first one warms up
  }
  return median(samples);
}

const sampleMs = (Number(process.argv[2]) * 1_000) / (SIZES_KB.length * SAMPLES);
const figures: DecisionFigures[] = [];
for (const promptKb of SIZES_KB) {
  const request = routingRequestFromProto(routeRequest(promptKb * 1_024));
  const microseconds = time(request, sampleMs);
  figures.push({ promptKb, microseconds, bytes: await allocatedBytes(() => decide(request)) });
}
process.stdout.write(`${JSON.stringify(figures)}\n`);
