/**
 * Loaded into the service with `--import`, for `npm run bench -- --profile`. Node's own --cpu-prof and --heap-prof cover the
 * start as well, and forget what the collector has taken; this covers the load alone, and counts every allocation.
 * SIGUSR2 moves on: CPU profile, then allocations, then neither. A line on standard output says when a profile is written.
 */
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join } from "node:path";

const folder = process.env.BENCH_PROFILE_DIR ?? ".";
const SAMPLE_BYTES = 16_384;
const SAMPLE_US = 500;
const session = new Session();
session.connect();

const steps = [
  async () => {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_US });
    await session.post("Profiler.start");
  },
  async () => {
    const { profile } = await session.post("Profiler.stop");
    write("service.cpuprofile", profile);
    await session.post("HeapProfiler.startSampling", {
      samplingInterval: SAMPLE_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
  },
  async () => {
    const { profile } = await session.post("HeapProfiler.stopSampling");
    write("service.heapprofile", profile);
  },
];

function write(name: string, profile: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(profile));
  process.stdout.write(`wrote ${name}\n`);
}

process.on("SIGUSR2", () => {
  const step = steps.shift();
  step?.().catch((error: unknown) => process.stderr.write(`profiling failed: ${error}\n`));
});
