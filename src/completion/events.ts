/** What a completion tells its caller, in order. */
import type { BilledTokens } from "../pricing/types.ts";
import type { CompletionEvent, FinishReason } from "../providers/provider.ts";
import type { ProviderErrorDetails, ProviderFailure } from "../providers/provider-error.ts";
import type { Decision, ModelTarget } from "../routing/types.ts";
import type { AttemptRecord, PriceStatus, UsageSource } from "../store/records.ts";

/** A piece of the answer, exactly as the provider's adapter made it. */
export type ContentEvent = Extract<CompletionEvent, { kind: "text" | "reasoning" | "refusal" | "tool_call" }>;

/** Why an attempt came to nothing. `hedged_out`: the attempt beside it answered first. */
export type AttemptFailure = ProviderFailure | "hedged_out";

export type EngineEvent =
  /** Always first, and before anything is asked of a provider. */
  | Readonly<{ kind: "decision"; decisionId: string; executionId: string; decision: Decision }>
  /** `attempt` counts from 1. Two may run at once; one of them has failed before the first content comes. */
  | Readonly<{ kind: "attempt_started"; attempt: number; target: ModelTarget }>
  | ContentEvent
  | Readonly<{
      kind: "attempt_failed";
      attempt: number;
      target: ModelTarget;
      failure: AttemptFailure;
      /** Another attempt is planned or under way. */
      willContinue: boolean;
      details: ProviderErrorDetails;
    }>
  /** Forget all content so far: that of this attempt follows, from its beginning. */
  | Readonly<{ kind: "reset"; attempt: number }>
  | CompletedEvent;

/** Always last, and only after the provider's own terminal event. */
export type CompletedEvent = Readonly<{
  kind: "completed";
  executionId: string;
  finishReason: FinishReason;
  /** The model refused, in words (`refusal` events) or by its finish reason. */
  refused: boolean;
  /** Of all attempts together, as they are in `costNanoUsd`; those of the answer alone are the last attempt's. */
  tokens: BilledTokens;
  reasoningTokens?: number;
  usageSource: UsageSource;
  /** Sum over all attempts. */
  costNanoUsd: bigint;
  priceStatus: PriceStatus;
  /** What the providers' prompt caches saved, over all attempts; negative when writing to them cost more. */
  cacheSavingNanoUsd: bigint;
  served: ModelTarget;
  /** The model as the provider names it; absent when it did not. */
  reportedModel?: string;
  /** In the order they ended; the last one served the answer. */
  attempts: readonly AttemptRecord[];
  /** From the call to its end. */
  latencyMs: number;
  /** From the call to the first content handed to the caller; absent when the answer is empty. */
  ttftMs?: number;
  /** Our own share of `latencyMs`: neither inside an attempt nor in a wait between two. */
  overheadMs: number;
}>;
