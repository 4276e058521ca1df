import type { FinishReason } from "../provider.ts";
import type { ResponseFailures } from "../response-failures.ts";

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ["stop", "stop"],
  ["length", "length"],
  ["tool_calls", "tool_calls"],
  ["function_call", "tool_calls"],
  ["content_filter", "content_filter"],
]);

/**
 * @param reason the last one that was not null; "" when none came
 * @throws ProviderError `truncated` without a reason. An unknown one is `protocol`, except "error", with which a host says that
 *   the one behind it failed: neither is the end of a good answer
 */
export function chatFinishReason(reason: string, failures: ResponseFailures): FinishReason {
  const known = FINISH_REASONS.get(reason);
  if (known !== undefined) return known;
  if (reason === "") throw failures.failed("truncated", "no finish reason");
  if (reason === "error") throw failures.failed("server_error", "the host ended the answer with an error");
  throw failures.failed("protocol", "an unknown finish reason");
}
