/** The state of one call between its events. Whatever ends it, it is recorded once and nothing of it stays open. */
import { deliveryOf, limitsOf, type ModelTarget } from "../routing/types.ts";
import type { FinishEvent } from "./attempt.ts";
import { AttemptPlan, type Claim, releaseClaim } from "./attempt-plan.ts";
import type { CompletionCall, EngineDeps } from "./call.ts";
import type { CallFunds } from "./call-funds.ts";
import { CallLife, type StopKind } from "./call-life.ts";
import { spentError, stoppedError } from "./caller-error.ts";
import type { CompletionError, FailedAttempt } from "./completion-error.ts";
import { type Decided, decide } from "./decide.ts";
import { type ContentDelivery, createDelivery } from "./delivery.ts";
import type { CompletedEvent, ContentEvent, EngineEvent } from "./events.ts";
import { bare, Execution, type Settlement } from "./execution.ts";
import { type Running, RunningAttempts } from "./running-attempts.ts";

type Events = readonly EngineEvent[];

/** What follows a failed attempt: events, and where the same target is asked again the wait before that. */
export type Turn = Readonly<{ events: Events; waitMs: number | undefined }>;

const NOTHING: Events = [];

export class CallRun {
  /** `completed` has been handed out. */
  isCompleted = false;
  readonly #deps: EngineDeps;
  readonly #decided: Decided;
  readonly #execution: Execution;
  readonly #life: CallLife;
  readonly #plan: AttemptPlan;
  readonly #delivery: ContentDelivery;
  readonly #attempts: RunningAttempts;
  readonly #funds: CallFunds | undefined;
  /** Announced, and not yet begun. */
  #claim: Claim | undefined;
  /** Between two attempts. */
  #waitedMs = 0;

  /**
   * @param funds where budgets apply
   * @throws CompletionError when nothing can be decided; there is no execution then
   */
  constructor(call: CompletionCall, deps: EngineDeps, funds?: CallFunds) {
    const nowMs = deps.clock.nowMs();
    const startedMs = funds?.startedMs ?? nowMs;
    const snapshot = funds?.snapshot ?? deps.snapshot(call);
    this.#deps = deps;
    this.#decided = call.decided ?? decide(call.request, snapshot, deps);
    deps.retryBudget.countCall(nowMs);
    deps.hedgeBudget.countCall(nowMs);
    const { targets, estimatedInputTokens } = this.#decided.decision;
    const execution = new Execution(call, this.#decided, startedMs, deps);
    const plan = new AttemptPlan(targets, snapshot, deps, funds);
    const delivery = createDelivery(
      call.delivery ?? deliveryOf(snapshot.config, this.#decided.decision.tier),
      call.acceptRestart,
    );
    this.#execution = execution;
    this.#plan = plan;
    this.#delivery = delivery;
    this.#funds = funds;
    const parts = { call, deps, snapshot, estimatedInputTokens, execution, plan, delivery };
    this.#attempts = new RunningAttempts(parts);
    const timeoutMs = call.timeoutMs ?? limitsOf(snapshot.config, this.#decided.decision.tier).callTimeoutMs;
    this.#life = new CallLife(call.signal, timeoutMs, deps.clock, (kind) => this.#stop(kind));
  }

  /** The decision, and the first target if one may be asked. */
  open(): Events {
    this.#execution.begin();
    this.#throwIfStopped();
    this.#claim = this.#plan.next();
    const decided = { kind: "decision", executionId: this.#execution.id, ...this.#decided } as const;
    return [decided, ...this.#announce()];
  }

  /** There is a target to ask next. */
  get isClaimed(): boolean {
    return this.#claim !== undefined;
  }

  /** Begins the attempt that was announced. */
  dispatch(): void {
    this.#throwIfStopped();
    if (this.#claim === undefined) throw new Error("no target was claimed");
    this.#attempts.begin(this.#claim);
    this.#claim = undefined;
  }

  /** An attempt is under way, and `next` says what comes of it. */
  get isRunning(): boolean {
    return this.#attempts.isOpen;
  }

  next(): Promise<readonly ContentEvent[]> {
    return this.#attempts.next();
  }

  /** What goes to the caller of the content that came, with `completed` behind it when that was all. */
  deliver(content: readonly ContentEvent[]): Events {
    const running = this.#attempts.leader;
    if (running === undefined) return NOTHING; // it was stopped while this was on its way
    const news = this.#attempts.takeNews();
    const events = this.#deliver(running, content);
    return news.length === 0 ? events : [...news, ...events];
  }

  /** Budgets apply: `prepare` before `turn`. */
  get isFunded(): boolean {
    return this.#funds !== undefined;
  }

  /** Gets what the next attempt may cost ready to be set aside. */
  async prepare(): Promise<void> {
    await this.#funds?.prepare(this.#decided.decision);
  }

  /**
   * Closes the attempt that has just failed and decides what is next.
   * @throws CompletionError when the call was stopped, or the attempt could not follow what was already sent
   */
  turn(): Turn {
    const running = this.#attempts.close();
    this.#throwIfStopped();
    const end = running?.attempt.end;
    if (running === undefined || end?.kind !== "failed") throw this.spent();
    const failed = this.#attempts.noteFailure(running, end);
    const waitMs = this.#plan.findRetryWaitMs(end.failure, end.details, this.#life.deadlineAtMs);
    if (waitMs === undefined) this.#moveOn(failed);
    const willContinue = waitMs !== undefined || this.#claim !== undefined;
    const { wasCommitted: _, ...event } = failed;
    return { events: [{ kind: "attempt_failed", ...event, willContinue }, ...this.#announce()], waitMs };
  }

  /** Waits and asks the same target again, or the next one when it may not be asked any more. */
  async again(waitMs: number): Promise<Events> {
    const sinceMs = this.#deps.clock.nowMs();
    await this.#life.wait(waitMs);
    this.#waitedMs += this.#deps.clock.nowMs() - sinceMs;
    this.#throwIfStopped();
    this.#claim = this.#plan.again();
    const failed = this.#attempts.failures.at(-1);
    if (this.#claim === undefined && failed !== undefined) this.#moveOn(failed);
    return this.#announce();
  }

  /** Nothing is left to try: settles the call and says why. */
  spent(): CompletionError {
    const error = spentError(this.#decided.decision.targets, this.#deps.health, this.#soFar());
    this.#settle({ status: "failed", failureReason: error.reason });
    return error;
  }

  /** A fault of ours. Does nothing to a call that was settled. */
  fail(): void {
    this.#attempts.stop("cancelled");
    this.#settle({ status: "failed", failureReason: "INTERNAL" });
  }

  /** The caller reads no further. What was not settled was cancelled by that. */
  close(): void {
    this.#stop("cancelled");
    releaseClaim(this.#claim);
    this.#funds?.release();
    this.#life.end();
  }

  #stop(kind: StopKind): void {
    if (this.#execution.record !== undefined) return;
    this.#attempts.stop(kind);
    releaseClaim(this.#claim);
    this.#settle({ status: kind, failureReason: kind.toUpperCase() });
  }

  #throwIfStopped(): void {
    const { stopped } = this.#life;
    if (stopped === undefined) return;
    this.#stop(stopped);
    throw stoppedError(stopped, this.#soFar());
  }

  #announce(): Events {
    if (this.#claim === undefined) return NOTHING;
    const attempt = this.#attempts.nextNumber;
    return [{ kind: "attempt_started", attempt, target: bare(this.#claim.target) }];
  }

  #deliver(running: Running, content: readonly ContentEvent[]): Events {
    const events = content.length > 0 ? this.#delivery.accept(content) : NOTHING;
    if (events === "diverged") return this.#diverge(running);
    const { end } = running.attempt;
    if (end?.kind !== "finished") return this.#timed(events);
    const rest = this.#delivery.finish();
    if (rest === "diverged") return this.#diverge(running);
    const all = this.#timed(joined(events, rest));
    return [...all, this.#complete(running, end.finish)];
  }

  /** Notes when the caller got its first content. */
  #timed(events: Events): Events {
    if (events.length > 0) this.#execution.ttftMs ??= this.#deps.clock.nowMs() - this.#execution.startedMs;
    return events;
  }

  #diverge({ attempt }: Running): Events {
    attempt.stop({ kind: "diverged" });
    return NOTHING;
  }

  #complete({ claim, attempt }: Running, finish: FinishEvent): CompletedEvent {
    this.#attempts.close();
    const served = bare(claim.target);
    const record = this.#settle({ status: "ok", finishReason: finish.reason, served });
    this.isCompleted = true;
    const { executionId, tokens, reasoningTokens, usageSource, attempts } = record;
    const { costNanoUsd, priceStatus, cacheSavingNanoUsd } = record;
    return {
      kind: "completed",
      executionId,
      finishReason: finish.reason,
      refused: attempt.meter.refused || finish.reason === "content_filter",
      tokens,
      ...(reasoningTokens !== undefined && { reasoningTokens }),
      usageSource,
      costNanoUsd,
      priceStatus,
      cacheSavingNanoUsd,
      served,
      ...(finish.model !== undefined && { reportedModel: finish.model }),
      attempts,
      latencyMs: record.latencyMs,
      ...(record.ttftMs !== undefined && { ttftMs: record.ttftMs }),
      overheadMs: this.#overheadMs(),
    };
  }

  #moveOn({
    target: from,
    failure,
  }: Readonly<{ target: ModelTarget; failure: FailedAttempt["failure"] }>): void {
    this.#claim = this.#plan.next(failure);
    if (this.#claim !== undefined) this.#deps.observer.onFallback(from, bare(this.#claim.target), failure);
  }

  #settle(settlement: Omit<Settlement, "overheadMs">) {
    return this.#execution.settle({ ...settlement, overheadMs: this.#overheadMs() });
  }

  #overheadMs(): number {
    const elsewhereMs = this.#attempts.busyMs + this.#waitedMs;
    return Math.max(0, this.#deps.clock.nowMs() - this.#execution.startedMs - elsewhereMs);
  }

  #soFar() {
    return { execution: this.#execution, delivery: this.#delivery, failures: this.#attempts.failures };
  }
}

/** Most answers are either all delivered by now, or not begun. */
function joined(events: Events, rest: Events): Events {
  if (rest.length === 0) return events;
  return events.length === 0 ? rest : [...events, ...rest];
}
