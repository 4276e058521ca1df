/**
 * What the budgets have to do with one call: the most that each attempt can cost is set aside before it begins, and the call
 * is made smaller before it is refused.
 */
import type { CallAccounts, Reservation } from "../budgets/call-accounts.ts";
import { type WorstCase, worstCaseOf } from "../routing/funds.ts";
import type { Decision, Funds, PlannedTarget, RoutingConfig } from "../routing/types.ts";
import { overBudget, storeAway } from "./budget-error.ts";
import type { CompletionCall, EngineDeps, EngineSnapshot } from "./call.ts";
import { CompletionError } from "./completion-error.ts";
import { announce, consider, type Decided } from "./decide.ts";
import { mostInputTokens } from "./most-input-tokens.ts";

/** How long a call waits for slices that other replicas do not use. */
const RECALL_WAIT_MS = 500;
/** Others may take what was left in the meantime; then it is decided again. */
const MOST_DECISIONS = 8;

/** The budgets of a call; undefined when none applies to it, which takes no time. */
export function findCallFunds(call: CompletionCall, deps: EngineDeps): CallFunds | undefined {
  const accounts = deps.budgets?.find(call.request.agentId, call.labels, call.keyId);
  return accounts && new CallFunds(accounts, call, deps.snapshot(call), deps);
}

export class CallFunds {
  readonly #accounts: CallAccounts;
  readonly #call: CompletionCall;
  readonly #deps: EngineDeps;
  readonly #mostInputTokens: number;
  /** As of when the call came: what is set aside by it is also run by it, whatever is published meanwhile. */
  readonly snapshot: EngineSnapshot;
  /** When the call came, on the monotonic clock. */
  readonly startedMs: number;
  /** For the first attempt, until that is claimed. */
  #held: Readonly<{ target: PlannedTarget; reservation: Reservation }> | undefined;

  constructor(accounts: CallAccounts, call: CompletionCall, snapshot: EngineSnapshot, deps: EngineDeps) {
    this.#accounts = accounts;
    this.#call = call;
    this.snapshot = snapshot;
    this.#deps = deps;
    this.startedMs = deps.clock.nowMs();
    this.#mostInputTokens = mostInputTokens(call);
  }

  /**
   * Decides, and sets aside what the first attempt can cost. Where the budgets do not cover that, and other replicas have
   * nothing to give back, the decision is made again for what is left.
   * @throws CompletionError BUDGET_EXCEEDED, BUDGET_STORE_UNAVAILABLE, or when nothing can be decided
   */
  async admit(): Promise<Decided> {
    try {
      return await this.#admit();
    } catch (error) {
      const failure = error instanceof CompletionError ? error.routingFailure : undefined;
      if (failure?.kind === "over_budget") this.#accounts.noteRefusal(failure.budgetIds);
      throw error;
    }
  }

  async #admit(): Promise<Decided> {
    const waitMs = Math.min(this.#call.timeoutMs ?? RECALL_WAIT_MS, RECALL_WAIT_MS);
    const patience = { untilMs: this.startedMs + waitMs, signal: this.#call.signal };
    let decided = this.#call.decided ?? this.#decide();
    for (let decisions = 1; ; decisions += 1) {
      const [target] = decided.decision.targets;
      const reservation = await this.#accounts.acquire(this.#worstCase(target), patience);
      if (reservation === "unavailable") throw storeAway();
      if (reservation !== "short") {
        this.#held = { target, reservation };
        return this.#call.decided === undefined ? announce(decided, this.#deps) : decided;
      }
      if (decisions === MOST_DECISIONS)
        throw overBudget(this.#accounts.left().map(({ budgetId }) => budgetId));
      decided = this.#decide(this.#funds());
    }
  }

  /** Sets aside what an attempt at a target can cost; undefined: it must not begin. */
  reserve(target: PlannedTarget): Reservation | undefined {
    const held = this.#held;
    this.#held = undefined;
    if (held?.target === target) return held.reservation;
    held?.reservation.settle(NOTHING);
    return this.#accounts.reserve(this.#worstCase(target));
  }

  /** Gets slices for whichever target may come next, before one is chosen in a hurry. */
  async prepare({ targets }: Decision): Promise<void> {
    const worst = targets.map((target) => this.#worstCase(target)).reduce(dearer);
    await this.#accounts.prepare(worst, this.#call.signal);
  }

  /** Returns what no attempt has claimed. */
  release(): void {
    this.#held?.reservation.settle(NOTHING);
    this.#held = undefined;
  }

  #decide(funds?: Funds): Decided {
    const { decided, decideAgain, request } = this.#call;
    const funded = funds === undefined ? request : { ...request, funds };
    if (decided !== undefined && decideAgain !== undefined) return decideAgain(funded);
    return consider(funded, this.snapshot, this.#deps);
  }

  #funds(): Funds {
    return { mostInputTokens: this.#mostInputTokens, accounts: this.#accounts.left() };
  }

  #worstCase(target: PlannedTarget): WorstCase {
    return worstCaseAt(target, this.#mostInputTokens, this.snapshot.config, this.#deps);
  }
}

/** The most that an attempt at a target can cost, begun now. */
function worstCaseAt(
  { provider, model, maxOutputTokens }: PlannedTarget,
  inputTokens: number,
  { catalogue }: RoutingConfig,
  { clock }: EngineDeps,
): WorstCase {
  const day = clock.wallDate().toISOString().slice(0, 10);
  return worstCaseOf(catalogue.findModel(provider, model), day, inputTokens, maxOutputTokens);
}

const NOTHING = { nano_usd: 0n, tokens: 0n };

/** The larger of each; a price that is not known is passed over, because no attempt will begin there. */
const dearer = (one: WorstCase, other: WorstCase): WorstCase => {
  const nanoUsd = larger(one.nano_usd ?? 0n, other.nano_usd ?? 0n);
  return { nano_usd: nanoUsd, tokens: larger(one.tokens, other.tokens) };
};
const larger = (one: bigint, other: bigint): bigint => (one > other ? one : other);

/**
 * The decision that a call would get now, without setting anything aside: made again for what is left, where the budgets that
 * are known from the request do not cover it.
 * @throws CompletionError as `decide`
 */
export function decideWithinBudgets(
  request: CompletionCall["request"],
  deps: EngineDeps,
  keyId?: string,
): Decided {
  const snapshot = deps.snapshot({ request });
  const decided = consider(request, snapshot, deps);
  const accounts = deps.budgets?.find(request.agentId, {}, keyId);
  if (accounts === undefined) return announce(decided, deps);
  const { targets, estimatedInputTokens } = decided.decision;
  const worst = worstCaseAt(targets[0], estimatedInputTokens, snapshot.config, deps);
  if (!accounts.isShortOf(worst)) return announce(decided, deps);
  return announce(consider({ ...request, funds: { accounts: accounts.left() } }, snapshot, deps), deps);
}
