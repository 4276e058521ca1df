/** How long a score takes, on texts of the data cut to one length. */
import { performance } from "node:perf_hooks";
import { calibratedScore } from "../../src/scoring/calibrated.ts";
import type { Row } from "../train/rows.ts";

const CHARACTERS = 2_048;
const WARM_UP = 2_000;
const CALLS = 5_000;

/** Of single calls, in ms, once the code is warm; the machine's other work included. */
export function measureSpeed(rows: readonly Row[]): string {
  const texts = rows
    .flatMap(({ request }) => request.texts)
    .filter((text) => text.length >= CHARACTERS)
    .map((text) => text.slice(0, CHARACTERS));
  if (texts.length === 0) return `No text of ${CHARACTERS} characters to time`;
  const ms: number[] = [];
  for (let call = 0; call < WARM_UP + CALLS; call++) {
    const text = texts[call % texts.length] ?? "";
    const startedMs = performance.now();
    calibratedScore({ texts: [text] });
    if (call >= WARM_UP) ms.push(performance.now() - startedMs);
  }
  ms.sort((one, other) => one - other);
  const at = (share: number) => (ms[Math.floor(share * (CALLS - 1))] ?? 0).toFixed(2);
  return `A score of ${CHARACTERS} characters takes ${at(0.5)} ms (p50), ${at(0.99)} ms (p99)`;
}
