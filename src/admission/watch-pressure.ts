/** Looks at this process's event loop and heap as long as it lives. */
import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { heapLimitBytes } from "./heap-limit.ts";
import { LOOK_MS, type Pressure, PressureGauge } from "./pressure.ts";

/** The heap is asked at every so many looks: the answer takes longer than the rest. */
const LOOKS_PER_HEAP = 10;

export type PressureWatch = Readonly<{ pressure(): Pressure; close(): void }>;

/** @param mostLagMs how late the loop may be before calls are refused */
export function watchPressure(mostLagMs: number): PressureWatch {
  const gauge = new PressureGauge(mostLagMs, performance.now());
  const limitBytes = heapLimitBytes();
  let looks = 0;
  let heapShare = 0;
  const timer = setInterval(() => {
    if (looks % LOOKS_PER_HEAP === 0) heapShare = getHeapStatistics().used_heap_size / limitBytes;
    looks += 1;
    gauge.look(performance.now(), heapShare);
  }, LOOK_MS);
  timer.unref();
  return { pressure: () => gauge.pressure, close: () => clearInterval(timer) };
}
