/**
 * The attempts of one call that are under way: one as a rule, and two from when a first token is late until one of them
 * has spoken. Whatever ends an attempt, it is recorded once and its target has its verdict.
 */
import { targetKey, timersOf } from "../routing/types.ts";
import type { AttemptKind } from "../store/records.ts";
import { Attempt, type AttemptEnd } from "./attempt.ts";
import { type AttemptStart, attemptRecord, attemptReport, costOf, giveVerdict } from "./attempt-account.ts";
import type { AttemptPlan, Claim } from "./attempt-plan.ts";
import type { AttemptObserver, CompletionCall, EngineDeps, EngineSnapshot } from "./call.ts";
import type { StopKind } from "./call-life.ts";
import type { FailedAttempt } from "./completion-error.ts";
import { completionRequest } from "./completion-request.ts";
import type { ContentDelivery } from "./delivery.ts";
import type { ContentEvent, EngineEvent } from "./events.ts";
import { bare, type Execution } from "./execution.ts";
import { FAILURE_POLICY } from "./failure-policy.ts";
import type { HedgeOutcome } from "./hedge-budget.ts";
import { Race } from "./race.ts";

export type Running = Readonly<{
  attempt: Attempt;
  claim: Claim;
  start: AttemptStart;
  observer: AttemptObserver | undefined;
}>;
type Content = readonly ContentEvent[];
type FailedEnd = Extract<AttemptEnd, { kind: "failed" }>;

/** What a call's attempts share. */
export type CallParts = Readonly<{
  call: CompletionCall;
  deps: EngineDeps;
  snapshot: EngineSnapshot;
  estimatedInputTokens: number;
  execution: Execution;
  plan: AttemptPlan;
  delivery: ContentDelivery;
}>;

const NO_CONTENT: Content = [];

export class RunningAttempts {
  readonly failures: FailedAttempt[] = [];
  /** Time in which an attempt was under way, once it has ended. */
  busyMs = 0;
  readonly #parts: CallParts;
  /** The one whose content goes to the caller. */
  #leader: Running | undefined;
  /** The one beside it, until either has spoken. */
  #rival: Running | undefined;
  /** Open from the start of an attempt that may be hedged until it, or its rival, has spoken. */
  #race: Race<Running> | undefined;
  #hasHedged = false;
  #begun = 0;
  #busySinceMs = 0;
  #news: EngineEvent[] = [];

  constructor(parts: CallParts) {
    this.#parts = parts;
  }

  /** What the next attempt to begin is called, from 1. */
  get nextNumber(): number {
    return this.#begun + 1;
  }

  get leader(): Running | undefined {
    return this.#leader;
  }

  /** `next` has something to wait for. */
  get isOpen(): boolean {
    return this.#race !== undefined || (this.#leader !== undefined && this.#leader.attempt.end === undefined);
  }

  begin(claim: Claim): void {
    this.#busySinceMs = this.#nowMs();
    const running = this.#start(claim, this.#kindOf(claim));
    this.#lead(running);
    this.#race = this.#openRace(running);
  }

  /** The leader's next content; nothing when it has ended, or when there is only news of a hedge. Never rejects. */
  next(): Promise<Content> {
    if (this.#race !== undefined) return this.#follow(this.#race);
    return this.#leader?.attempt.next() ?? Promise.resolve(NO_CONTENT);
  }

  /** What is to be told before the content that came. */
  takeNews(): readonly EngineEvent[] {
    const news = this.#news;
    if (news.length > 0) this.#news = [];
    return news;
  }

  /** Records the leader once it has ended; undefined when none has. */
  close(): Running | undefined {
    const leader = this.#leader;
    if (leader?.attempt.end === undefined) return undefined;
    this.#leader = undefined;
    this.#account(leader);
    return leader;
  }

  /** Ends and records all that is under way. */
  stop(kind: StopKind): void {
    const rival = this.#rival;
    this.#endRace();
    this.#leader?.attempt.stop({ kind });
    rival?.attempt.stop({ kind });
    this.close();
    if (rival !== undefined) this.#dismiss(rival, "stopped");
  }

  noteFailure({ start }: Running, { failure, details }: FailedEnd): FailedAttempt {
    const wasCommitted = this.#parts.delivery.isCommitted;
    const failed = { attempt: start.attempt, target: bare(start.target), failure, details, wasCommitted };
    this.failures.push(failed);
    return failed;
  }

  /** A call is hedged once at most, and only while nothing of it was delivered. */
  #openRace(running: Running): Race<Running> | undefined {
    const { snapshot, deps, delivery } = this.#parts;
    if (!snapshot.config.hedging.enabled || this.#hasHedged || delivery.isCommitted) return undefined;
    const lateAfterMs = deps.health.states().get(targetKey(running.start.target))?.ttftP95Ms;
    return lateAfterMs === undefined ? undefined : new Race(running, lateAfterMs);
  }

  async #follow(race: Race<Running>): Promise<Content> {
    const said = await race.next();
    const leader = this.#leader;
    if (leader === undefined) return NO_CONTENT; // it was stopped meanwhile
    if (said === "late") return this.#hedge(race);
    const { from, content } = said;
    if (this.#rival !== undefined) {
      const { end } = from.attempt;
      if (end?.kind === "failed") return this.#goOnWithout(from, end, leader, this.#rival);
      this.#decide(from, leader, this.#rival);
    }
    this.#endRace();
    return content;
  }

  /** Starts the second attempt, if the limits of the call and of the process leave room for one. */
  #hedge(race: Race<Running>): Content {
    const { deps, snapshot, plan } = this.#parts;
    const nowMs = this.#nowMs();
    const hasRoom = deps.hedgeBudget.hasRoom(nowMs, snapshot.config.hedging.shareOfCalls);
    const claim = hasRoom ? plan.rival() : undefined;
    if (claim === undefined) return NO_CONTENT;
    deps.hedgeBudget.take(nowMs);
    this.#hasHedged = true;
    const rival = this.#start(claim, "hedge");
    this.#rival = rival;
    this.#news.push({ kind: "attempt_started", attempt: rival.start.attempt, target: bare(claim.target) });
    race.enter(rival);
    return NO_CONTENT;
  }

  /** The first to speak goes on; the race has closed the other. */
  #decide(winner: Running, leader: Running, rival: Running): void {
    if (winner === rival) this.#parts.plan.adoptRival();
    this.#lead(winner);
    this.#dismiss(winner === rival ? leader : rival, winner === rival ? "won" : "lost");
  }

  /** One of the two has failed. What the leader says about the request counts; a rival can only help. */
  #goOnWithout(failed: Running, { failure }: FailedEnd, leader: Running, rival: Running): Content {
    const { plan, deps } = this.#parts;
    this.#race?.leave(failed);
    if (failed === rival) {
      plan.dropRival(failure);
      this.#dismiss(rival, "lost");
    } else if (FAILURE_POLICY[failure].nextTarget === "no") {
      rival.attempt.stop({ kind: "hedged_out" });
      this.#endRace();
      this.#dismiss(rival, "stopped");
    } else {
      plan.adoptRival(failure);
      this.#lead(rival);
      this.#dismiss(leader, "won");
      deps.observer.onFallback(bare(leader.start.target), bare(rival.start.target), failure);
    }
    return NO_CONTENT;
  }

  #lead(running: Running): void {
    if (this.#leader === running) return;
    this.#leader = running;
    this.#parts.delivery.begin(running.start.attempt);
  }

  /** One of two is out: it is recorded, and the caller is told. */
  #dismiss(running: Running, outcome: HedgeOutcome): void {
    this.#rival = undefined;
    this.#account(running);
    this.#parts.deps.observer.onHedge(outcome);
    const { end } = running.attempt;
    const target = bare(running.start.target);
    const { attempt } = running.start;
    const told = end?.kind === "failed" ? this.noteFailure(running, end) : undefined;
    this.#news.push({
      kind: "attempt_failed",
      attempt,
      target,
      failure: told?.failure ?? "hedged_out",
      details: told?.details ?? {},
      willContinue: outcome !== "stopped",
    });
  }

  #endRace(): void {
    this.#race?.end();
    this.#race = undefined;
  }

  /** Of an attempt that is not a hedge. */
  #kindOf({ target }: Claim): AttemptKind {
    const failed = this.failures.at(-1);
    if (failed === undefined) return "first";
    return targetKey(failed.target) === targetKey(target) ? "retry" : "fallback";
  }

  #start(claim: Claim, kind: AttemptKind): Running {
    const { call, snapshot, execution, estimatedInputTokens, deps } = this.#parts;
    const { config } = snapshot;
    const { target, provider, permit } = claim;
    this.#begun += 1;
    const start: AttemptStart = {
      executionId: execution.id,
      attempt: this.#begun,
      kind,
      target,
      model: config.catalogue.findModel(target.provider, target.model),
      estimatedInputTokens,
      startedAt: deps.clock.wallDate(),
    };
    const observer = call.observer?.onAttempt(start.attempt, target);
    const request = completionRequest(call, target, config, observer?.headers);
    const attempt = new Attempt(provider, request, timersOf(config, target), deps.clock.nowMs, (ttftMs) =>
      permit.firstToken(ttftMs),
    );
    return { attempt, claim, start, observer };
  }

  #account({ attempt, claim, start, observer }: Running): void {
    const { end } = attempt;
    if (end === undefined) return;
    const { deps, execution } = this.#parts;
    const nowMs = this.#nowMs();
    if (this.#leader === undefined && this.#rival === undefined) this.busyMs += nowMs - this.#busySinceMs;
    const record = attemptRecord(start, attempt, end, deps.pricing, nowMs);
    execution.attempts.push(record);
    if (claim.reservation !== undefined) execution.charges.push(...claim.reservation.settle(costOf(record)));
    giveVerdict(claim.permit, end, record.latencyMs);
    const report = attemptReport(end);
    deps.observer.onAttempt(record, report);
    observer?.onEnd(record, report);
  }

  #nowMs(): number {
    return this.#parts.deps.clock.nowMs();
  }
}
