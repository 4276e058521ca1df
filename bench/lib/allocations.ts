/** What code allocates. Run with --expose-gc and a young generation so large that nothing is collected meanwhile. */
import { median } from "./stats.ts";

const SAMPLES = 9;
const COUNTED_OPS = 64;

/** Bytes of heap for each run: the median of several samples. */
export async function allocatedBytes(run: () => unknown): Promise<number> {
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let op = 0; op < COUNTED_OPS; op += 1) {
      const running = run();
      if (running instanceof Promise) await running;
    }
    samples.push((process.memoryUsage().heapUsed - before) / COUNTED_OPS);
  }
  return median(samples);
}
