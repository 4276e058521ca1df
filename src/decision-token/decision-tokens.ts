/** Issues tokens for decisions, and turns a token back into the decision to run, or into why it cannot be run. */
import { overBudget } from "../completion/budget-error.ts";
import { CompletionError } from "../completion/completion-error.ts";
import type { Decided } from "../completion/decide.ts";
import type { TargetHealth } from "../completion/target-health.ts";
import { passesByItself } from "../routing/candidates.ts";
import {
  type DecisionExperiment,
  type ProviderState,
  type RejectedTarget,
  type RoutingConfig,
  type RoutingRequest,
  targetKey,
} from "../routing/types.ts";
import { type FixedDecision, TokenContent, writeContent } from "./content.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type ResumeResult, resumeDecision, type TokenCall } from "./resume.ts";
import { Seal, type SealProblem } from "./seal.ts";

export type DecisionTokensOptions = Readonly<{
  /** Shared by all replicas; absent: a random one. */
  secret?: string;
  lifetimeMs: number;
  /** The configuration in force, or of an arm of an experiment; undefined: there is no such arm any more. */
  config(experiment?: DecisionExperiment): RoutingConfig | undefined;
  /** What is known of the providers, and of what they have cached of a session. */
  stateFor(sessionId: string): ProviderState;
  health: Pick<TargetHealth, "hurry" | "findRetryAfterMs">;
  /** Unix time in ms. */
  wallMs(): number;
}>;

/** Not a token that this process can trust; `problem` is a predicate of the field that holds it. */
export class UntrustedTokenError extends Error {
  override readonly name = "UntrustedTokenError";
  readonly problem: SealProblem;

  constructor(problem: SealProblem) {
    super("the decision token cannot be trusted");
    this.problem = problem;
  }
}

export class DecisionTokens {
  readonly #options: DecisionTokensOptions;
  readonly #seal: Seal;

  constructor(options: DecisionTokensOptions) {
    this.#options = options;
    this.#seal = new Seal(options.secret);
  }

  /** @returns "" where what the decision rests on cannot be found again: for the default that is decided when routing itself fails */
  issue(request: RoutingRequest, decided: Decided): string {
    const { decision } = decided;
    if (decision.causes.some(({ kind }) => kind === "router_error")) return "";
    const config = this.#options.config(decision.experiment);
    if (config === undefined) return "";
    const expiresAtMs = this.#options.wallMs() + this.#options.lifetimeMs;
    const fingerprint = fingerprintOf(config, decision.tier);
    return this.#seal.close(writeContent(request, decided, { expiresAtMs, fingerprint, config }));
  }

  /**
   * What the token says.
   * @throws UntrustedTokenError when it was not issued with this secret; CompletionError DECISION_EXPIRED
   */
  open(token: string): TokenContent {
    const opened = this.#seal.open(token);
    if (!opened.ok) throw new UntrustedTokenError(opened.problem);
    const content = new TokenContent(opened.content);
    if (content.expiresAtMs <= this.#options.wallMs()) throw this.#expired();
    return content;
  }

  /**
   * The decision of an opened token, as it is run with this call.
   * @throws CompletionError DECISION_CONFIG_CHANGED, DECISION_TARGET_UNAVAILABLE, BUDGET_EXCEEDED
   */
  resume(content: TokenContent, call: TokenCall): Decided {
    const { request } = content;
    const { fixed, config } = this.#decisionOf(content);
    const resume = (): ResumeResult =>
      resumeDecision(fixed, request, call, { config, state: this.#options.stateFor(request.sessionId) });
    const first = resume();
    const result = first.kind === "unavailable" && this.#hurry(first.rejected) ? resume() : first;
    switch (result.kind) {
      case "decided":
        return { decision: result.decision, decisionId: fixed.decisionId };
      case "unavailable":
        throw this.#unavailable(result.rejected);
      case "over_budget":
        throw overBudget(result.budgetIds);
      case "budget_exhausted":
        throw exhausted(result);
    }
  }

  #decisionOf(content: TokenContent): Readonly<{ fixed: FixedDecision; config: RoutingConfig }> {
    const config = this.#options.config(content.experiment);
    if (config === undefined) throw configChanged();
    if (fingerprintOf(config, content.tier) !== content.fingerprint) throw configChanged();
    const fixed = content.decisionUnder(config);
    if (fixed.sandbox !== this.#options.stateFor("").sandbox) throw configChanged();
    return { fixed, config };
  }

  /** As for any call: when nothing else is left, a target behind an open breaker may be probed before its time. */
  #hurry(rejected: readonly RejectedTarget[]): boolean {
    return coolingDown(rejected).some(({ target }) => this.#options.health.hurry(target));
  }

  #expired(): CompletionError {
    const seconds = this.#options.lifetimeMs / 1000;
    return new CompletionError({
      code: "FAILED_PRECONDITION",
      reason: "DECISION_EXPIRED",
      message: `The decision token has expired, ${seconds} s after it was issued: call Route again.`,
    });
  }

  #unavailable(rejected: readonly RejectedTarget[]): CompletionError {
    const details = rejected.map(({ target, detail }) => `${targetKey(target)}: ${detail}`);
    const cooling = coolingDown(rejected).map(({ target }) => target);
    const retryAfterMs = this.#options.health.findRetryAfterMs(cooling);
    return new CompletionError({
      code: "FAILED_PRECONDITION",
      reason: "DECISION_TARGET_UNAVAILABLE",
      message: `No target of the decision can serve this call: ${details.join("; ")}. Call Route again, or send route in place of the token.`,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }
}

const coolingDown = (rejected: readonly RejectedTarget[]): readonly RejectedTarget[] =>
  rejected.filter(({ reason }) => passesByItself(reason));

const configChanged = (): CompletionError =>
  new CompletionError({
    code: "FAILED_PRECONDITION",
    reason: "DECISION_CONFIG_CHANGED",
    message:
      "The configuration that the decision was made under has changed in what it rests on: call Route again.",
  });

const exhausted = ({
  neededTokens,
  remainingTokens,
}: Readonly<{ neededTokens: number; remainingTokens: number }>): CompletionError =>
  new CompletionError({
    code: "RESOURCE_EXHAUSTED",
    reason: "BUDGET_EXCEEDED",
    message: `The call needs ${neededTokens} tokens and the budget that Route was given has ${remainingTokens} left.`,
  });
