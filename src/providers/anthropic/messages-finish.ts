import type { FinishReason } from "../provider.ts";
import type { ResponseFailures } from "../response-failures.ts";

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool_calls"],
  ["refusal", "content_filter"],
]);

/**
 * @param reason the last one that was not null; "" when none came
 * @throws ProviderError `truncated` without a reason or for a paused turn, `protocol` for an unknown one
 */
export function messagesFinishReason(reason: string, failures: ResponseFailures): FinishReason {
  const known = FINISH_REASONS.get(reason);
  if (known !== undefined) return known;
  if (reason === "") throw failures.failed("truncated", "no stop reason");
  if (reason === "pause_turn") throw failures.failed("truncated", "the turn is paused, not ended");
  throw failures.failed("protocol", "an unknown stop reason");
}
