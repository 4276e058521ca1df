/** The state of one call between its events. Whatever ends it, it is recorded once and nothing of it stays open. */
import type { ModelTarget } from "../routing/types.ts";
import { Attempt, type FinishEvent } from "./attempt.ts";
import { type AttemptStart, attemptRecord, attemptReport, giveVerdict } from "./attempt-account.ts";
import { AttemptPlan, type Claim } from "./attempt-plan.ts";
import type { CompletionCall, EngineDeps, EngineSnapshot } from "./call.ts";
import { CallLife, type StopKind } from "./call-life.ts";
import { spentError, stoppedError } from "./caller-error.ts";
import type { CompletionError, FailedAttempt } from "./completion-error.ts";
import { completionRequest } from "./completion-request.ts";
import { type Decided, decide } from "./decide.ts";
import { type ContentDelivery, createDelivery } from "./delivery.ts";
import type { CompletedEvent, ContentEvent, EngineEvent } from "./events.ts";
import { bare, Execution, type Settlement } from "./execution.ts";

type Events = readonly EngineEvent[];
type Running = Readonly<{ attempt: Attempt; claim: Claim; start: AttemptStart }>;
type FailedEnd = Extract<Attempt["end"], { kind: "failed" }>;

/** What follows a failed attempt: events, and where the same target is asked again the wait before that. */
export type Turn = Readonly<{ events: Events; waitMs: number | undefined }>;

const NOTHING: Events = [];

export class CallRun {
  /** `completed` has been handed out. */
  isCompleted = false;
  readonly #call: CompletionCall;
  readonly #deps: EngineDeps;
  readonly #snapshot: EngineSnapshot;
  readonly #decided: Decided;
  readonly #execution: Execution;
  readonly #life: CallLife;
  readonly #plan: AttemptPlan;
  readonly #delivery: ContentDelivery;
  readonly #failures: FailedAttempt[] = [];
  /** Announced, and not yet begun. */
  #claim: Claim | undefined;
  #running: Running | undefined;
  /** Time that is not our own: inside attempts, and in waits between two. */
  #elsewhereMs = 0;

  /** @throws CompletionError when nothing can be decided; there is no execution then */
  constructor(call: CompletionCall, deps: EngineDeps) {
    const startedMs = deps.clock.nowMs();
    this.#call = call;
    this.#deps = deps;
    this.#snapshot = deps.snapshot();
    this.#decided = decide(call.request, this.#snapshot.config, deps);
    deps.retryBudget.countCall(startedMs);
    this.#execution = new Execution(call, this.#decided, startedMs, deps);
    this.#plan = new AttemptPlan(this.#decided.decision.targets, this.#snapshot, deps);
    this.#delivery = createDelivery(call);
    this.#life = new CallLife(call.signal, call.timeoutMs, deps.clock, (kind) => this.#stop(kind));
  }

  /** The decision, and the first target if one may be asked. */
  open(): Events {
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
  dispatch(): Attempt {
    this.#throwIfStopped();
    const claim = this.#claim;
    if (claim === undefined) throw new Error("no target was claimed");
    const start = this.#attemptStart(claim);
    const { catalogue, tiers } = this.#snapshot.config;
    const request = completionRequest(this.#call, claim.target, catalogue);
    const { timers } = tiers[claim.target.tier];
    const { nowMs } = this.#deps.clock;
    this.#delivery.begin(start.attempt);
    const attempt = new Attempt(claim.provider, request, timers, nowMs, () => claim.permit.firstToken());
    this.#running = { attempt, claim, start };
    return attempt;
  }

  /** What goes to the caller of the content that came, with `completed` behind it when that was all. */
  deliver(content: readonly ContentEvent[]): Events {
    const running = this.#running;
    if (running === undefined) return NOTHING; // it was stopped while this was on its way
    const events = content.length > 0 ? this.#delivery.accept(content) : NOTHING;
    if (events === "diverged") return this.#diverge(running);
    const { end } = running.attempt;
    if (end?.kind !== "finished") return this.#timed(events);
    const rest = this.#delivery.finish();
    if (rest === "diverged") return this.#diverge(running);
    const all = this.#timed([...events, ...rest]);
    return [...all, this.#complete(running, end.finish)];
  }

  /**
   * Closes the attempt that has just failed and decides what is next.
   * @throws CompletionError when the call was stopped, or the attempt could not follow what was already sent
   */
  turn(): Turn {
    const running = this.#closeAttempt();
    this.#throwIfStopped();
    const end = running?.attempt.end;
    if (running === undefined || end?.kind !== "failed") throw this.spent();
    const failed = this.#noteFailure(running, end);
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
    this.#elsewhereMs += this.#deps.clock.nowMs() - sinceMs;
    this.#throwIfStopped();
    this.#claim = this.#plan.again();
    const failed = this.#failures.at(-1);
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
    this.#running?.attempt.stop({ kind: "cancelled" });
    this.#closeAttempt();
    this.#settle({ status: "failed", failureReason: "INTERNAL" });
  }

  /** The caller reads no further. What was not settled was cancelled by that. */
  close(): void {
    this.#stop("cancelled");
    this.#claim?.permit.release();
    this.#life.end();
  }

  #stop(kind: StopKind): void {
    if (this.#execution.record !== undefined) return;
    this.#running?.attempt.stop({ kind });
    this.#closeAttempt();
    this.#claim?.permit.release();
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
    const attempt = this.#execution.attempts.length + 1;
    return [{ kind: "attempt_started", attempt, target: bare(this.#claim.target) }];
  }

  #attemptStart({ target }: Claim): AttemptStart {
    return {
      executionId: this.#execution.id,
      attempt: this.#execution.attempts.length + 1,
      target,
      model: this.#snapshot.config.catalogue.findModel(target.provider, target.model),
      estimatedInputTokens: this.#decided.decision.estimatedInputTokens,
      startedAt: this.#deps.clock.wallDate(),
    };
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
    this.#closeAttempt();
    const served = bare(claim.target);
    const record = this.#settle({ status: "ok", finishReason: finish.reason, served });
    this.isCompleted = true;
    const { executionId, tokens, reasoningTokens, usageSource, costNanoUsd, priceStatus, attempts } = record;
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

  #noteFailure({ start }: Running, { failure, details }: NonNullable<FailedEnd>): FailedAttempt {
    const wasCommitted = this.#delivery.isCommitted;
    const failed = { attempt: start.attempt, target: bare(start.target), failure, details, wasCommitted };
    this.#failures.push(failed);
    return failed;
  }

  /** Records the attempt that ended and lets its target have the verdict; undefined when none is open. */
  #closeAttempt(): Running | undefined {
    const running = this.#running;
    const end = running?.attempt.end;
    if (running === undefined || end === undefined) return undefined;
    const { attempt, claim, start } = running;
    const nowMs = this.#deps.clock.nowMs();
    this.#running = undefined;
    this.#claim = undefined;
    this.#elsewhereMs += nowMs - attempt.clock.startedMs;
    const record = attemptRecord(start, attempt, end, this.#deps.pricing, nowMs);
    this.#execution.attempts.push(record);
    giveVerdict(claim.permit, end, record.latencyMs);
    this.#deps.observer.onAttempt(record, attemptReport(end));
    return running;
  }

  #settle(settlement: Omit<Settlement, "overheadMs">) {
    return this.#execution.settle({ ...settlement, overheadMs: this.#overheadMs() });
  }

  #overheadMs(): number {
    return Math.max(0, this.#deps.clock.nowMs() - this.#execution.startedMs - this.#elsewhereMs);
  }

  #soFar() {
    return { execution: this.#execution, delivery: this.#delivery, failures: this.#failures };
  }
}
