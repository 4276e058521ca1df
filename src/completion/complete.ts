/**
 * One completion: the decision, attempts until one of them is whole or none is left, one record. The loop is here; what a
 * failure leads to is in failure-policy.ts, who is next in attempt-plan.ts, what may be sent in delivery.ts.
 */
import type { CompletionCall, EngineDeps } from "./call.ts";
import { type CallFunds, findCallFunds } from "./call-funds.ts";
import { CallRun } from "./call-run.ts";
import type { EngineEvent } from "./events.ts";
import { unrecordable } from "./unrecordable.ts";

/**
 * Answers a call with the provider that serves it. Events that came together come in one array; the first array holds the
 * decision and comes before anything is asked of a provider, the last ends with `completed`.
 *
 * Whoever stops reading early (`return`) has cancelled the call. While an array is awaited only `call.signal` can cancel.
 * @throws CompletionError on every failure, after its record was handed on
 */
export async function* complete(
  call: CompletionCall,
  deps: EngineDeps,
): AsyncGenerator<readonly EngineEvent[], void, undefined> {
  const obstacle = deps.recorder.findObstacle();
  if (obstacle !== undefined) throw unrecordable(obstacle);
  const funds = findCallFunds(call, deps);
  const run = funds === undefined ? new CallRun(call, deps) : await admit(call, deps, funds);
  try {
    yield run.open();
    while (run.isClaimed) {
      run.dispatch();
      while (run.isRunning) {
        const events = run.deliver(await run.next());
        const recorded = run.isCompleted ? deps.recorder.whenSafe() : undefined;
        if (recorded !== undefined) await recorded;
        if (events.length > 0) yield events;
      }
      if (run.isCompleted) return;
      if (run.isFunded) await run.prepare();
      const { events, waitMs } = run.turn();
      yield events;
      if (waitMs === undefined) continue;
      const restarted = await run.again(waitMs);
      if (restarted.length > 0) yield restarted;
    }
    throw run.spent();
  } catch (error) {
    run.fail();
    await deps.recorder.whenSafe();
    throw error;
  } finally {
    run.close();
  }
}

/** The call once its budgets have set aside what its first attempt can cost; its time goes on meanwhile. */
async function admit(call: CompletionCall, deps: EngineDeps, funds: CallFunds): Promise<CallRun> {
  const decided = await funds.admit();
  try {
    const waitedMs = deps.clock.nowMs() - funds.startedMs;
    const timeoutMs = call.timeoutMs && Math.max(0, call.timeoutMs - waitedMs);
    return new CallRun({ ...call, decided, ...(timeoutMs !== undefined && { timeoutMs }) }, deps, funds);
  } catch (error) {
    funds.release();
    throw error;
  }
}
