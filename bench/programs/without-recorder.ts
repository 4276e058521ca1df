/**
 * Loaded into the service with `--import`: puts a recorder in the place of the real one that keeps nothing. There is no such
 * setting, because nobody should want it; the bench needs to know what recording costs.
 */
import { registerHooks } from "node:module";

const RECORDER = "/src/store/recorder.ts";
const SOURCE = `export const createRecorder = () => ({
  findObstacle() {},
  begin() {},
  record() {},
  whenSafe() {},
  queued: 0,
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
});`;

registerHooks({
  load: (url, context, next) =>
    url.endsWith(RECORDER) ? { format: "module", source: SOURCE, shortCircuit: true } : next(url, context),
});
