/** Which target is asked next, and after what wait. Holds the limits of one call. */
import type { Reservation } from "../budgets/call-accounts.ts";
import type { ModelProvider } from "../providers/provider.ts";
import type { ProviderErrorDetails, ProviderFailure } from "../providers/provider-error.ts";
import { limitsOf, type PlannedTarget } from "../routing/types.ts";
import type { EngineDeps, EngineSnapshot } from "./call.ts";
import type { CallFunds } from "./call-funds.ts";
import { FAILURE_POLICY } from "./failure-policy.ts";
import type { Permit } from "./target-health.ts";

/** Added to a wait the provider asked for, so that those who were told the same do not all come back at once. */
const RETRY_AFTER_SPREAD = 0.1;

/** Leave to ask a target. The permit must get its verdict, or be released; what is set aside must be settled. */
export type Claim = Readonly<{
  target: PlannedTarget;
  provider: ModelProvider;
  permit: Permit;
  /** What the budgets have set aside for it; absent: no budget applies. */
  reservation?: Reservation;
}>;

/** Of a claim that comes to nothing. Does nothing the second time. */
export function releaseClaim(claim: Claim | undefined): void {
  claim?.permit.release();
  claim?.reservation?.settle({ nano_usd: 0n, tokens: 0n });
}

export type PlanDeps = Pick<EngineDeps, "health" | "retryBudget" | "random" | "clock">;

export class AttemptPlan {
  readonly #targets: readonly PlannedTarget[];
  readonly #snapshot: EngineSnapshot;
  readonly #deps: PlanDeps;
  readonly #funds: Pick<CallFunds, "reserve"> | undefined;
  #index = -1;
  /** Of the target that is or was asked beside the current one. */
  #rivalIndex: number | undefined;
  #attempts = 0;
  readonly #attemptsAt = new Map<string, number>();
  #wasAskedAgain = false;
  /** The largest context window that proved too small, in tokens. */
  #tooSmallWindow = 0;

  /** @param funds where budgets apply; a target for which nothing can be set aside is passed over */
  constructor(
    targets: readonly PlannedTarget[],
    snapshot: EngineSnapshot,
    deps: PlanDeps,
    funds?: Pick<CallFunds, "reserve">,
  ) {
    this.#funds = funds;
    this.#targets = targets;
    this.#snapshot = snapshot;
    this.#deps = deps;
  }

  /** The next target that may be asked. @param failure of the attempt before; absent at the beginning */
  next(failure?: ProviderFailure): Claim | undefined {
    if (failure !== undefined && !this.#mayMoveOn(failure)) return undefined;
    while (this.#index + 1 < this.#targets.length) {
      this.#index += 1;
      this.#wasAskedAgain = false;
      const claim = this.#index === this.#rivalIndex ? undefined : this.#claimLarger(this.#index);
      if (claim !== undefined) return claim;
    }
    return undefined;
  }

  /**
   * A later target to be asked beside the current one, which stays the current one until `adoptRival`. Once a call:
   * the rival counts as tried whatever becomes of it.
   */
  rival(): Claim | undefined {
    for (let index = this.#index + 1; index < this.#targets.length; index += 1) {
      const claim = this.#claimLarger(index);
      if (claim === undefined) continue;
      this.#rivalIndex = index;
      return claim;
    }
    return undefined;
  }

  /** The rival goes on alone. @param failure of the current one, when it failed */
  adoptRival(failure?: ProviderFailure): void {
    if (failure !== undefined) this.#noteWindow(failure, this.#index);
    this.#index = this.#rivalIndex ?? this.#index;
    this.#wasAskedAgain = false;
  }

  /** The current one goes on alone. */
  dropRival(failure: ProviderFailure): void {
    this.#noteWindow(failure, this.#rivalIndex ?? this.#index);
  }

  /**
   * In ms, when the same target is worth a second attempt and may have one: the failure allows it, the wait ends before
   * the deadline, and the limits, the breaker and the retry budget have room. Takes from the budget.
   */
  findRetryWaitMs(
    failure: ProviderFailure,
    details: ProviderErrorDetails,
    deadlineAtMs: number,
  ): number | undefined {
    const target = this.#targets[this.#index];
    const waitMs = this.#waitMs(failure, details);
    if (target === undefined || waitMs === undefined || this.#wasAskedAgain || !this.#hasRoomFor(target)) {
      return undefined;
    }
    const { clock, health, retryBudget } = this.#deps;
    const nowMs = clock.nowMs();
    const isInTime = nowMs + waitMs < deadlineAtMs && health.waitMs(target) <= waitMs;
    return isInTime && retryBudget.tryTake(nowMs, this.#snapshot.config.retries) ? waitMs : undefined;
  }

  /** The same target again, if it may still be asked after the wait. */
  again(): Claim | undefined {
    this.#wasAskedAgain = true;
    return this.#claim(this.#index);
  }

  /** Never less than the provider asked for; undefined when that is too long, or the failure is not worth asking again. */
  #waitMs(failure: ProviderFailure, { retryAfterMs }: ProviderErrorDetails): number | undefined {
    const { random } = this.#deps;
    const { longestWaitMs, jitterLeastMs, jitterMostMs } = this.#snapshot.config.retries;
    const askedMs = (retryAfterMs ?? 0) * (1 + random() * RETRY_AFTER_SPREAD);
    if (retryAfterMs !== undefined && retryAfterMs > longestWaitMs) return undefined;
    switch (FAILURE_POLICY[failure].sameProviderAgain) {
      case "no":
        return undefined;
      case "at_once":
        return askedMs;
      case "after_jitter":
        return Math.max(askedMs, jitterLeastMs + random() * (jitterMostMs - jitterLeastMs));
      case "after_retry_after":
        return retryAfterMs === undefined ? undefined : askedMs;
    }
  }

  #mayMoveOn(failure: ProviderFailure): boolean {
    this.#noteWindow(failure, this.#index);
    return FAILURE_POLICY[failure].nextTarget !== "no";
  }

  /** Of a target whose window is not known nothing is known to be larger. */
  #noteWindow(failure: ProviderFailure, index: number): void {
    if (FAILURE_POLICY[failure].nextTarget !== "larger_window") return;
    const window = this.#findWindow(index) ?? Number.POSITIVE_INFINITY;
    this.#tooSmallWindow = Math.max(this.#tooSmallWindow, window);
  }

  #claimLarger(index: number): Claim | undefined {
    const isLarger = this.#tooSmallWindow === 0 || (this.#findWindow(index) ?? 0) > this.#tooSmallWindow;
    return isLarger ? this.#claim(index) : undefined;
  }

  #findWindow(index: number): number | undefined {
    const target = this.#targets[index];
    if (target === undefined) return undefined;
    const { catalogue } = this.#snapshot.config;
    return catalogue.findModel(target.provider, target.model)?.contextWindowTokens;
  }

  #hasRoomFor(target: PlannedTarget): boolean {
    const { maxAttempts, maxAttemptsPerProvider } = limitsOf(this.#snapshot.config, target.tier);
    const attemptsThere = this.#attemptsAt.get(target.provider) ?? 0;
    return this.#attempts < maxAttempts && attemptsThere < maxAttemptsPerProvider;
  }

  #claim(index: number): Claim | undefined {
    const target = this.#targets[index];
    if (target === undefined || !this.#hasRoomFor(target)) return undefined;
    const provider = this.#snapshot.providers.get(target.provider);
    const permit = provider && this.#deps.health.acquire(target);
    if (provider === undefined || permit === undefined) return undefined;
    const reservation = this.#funds?.reserve(target);
    if (this.#funds !== undefined && reservation === undefined) {
      permit.release();
      return undefined;
    }
    this.#attempts += 1;
    this.#attemptsAt.set(target.provider, (this.#attemptsAt.get(target.provider) ?? 0) + 1);
    return reservation === undefined
      ? { target, provider, permit }
      : { target, provider, permit, reservation };
  }
}
