import type { RoutingConfig, RoutingRequest } from "./types.ts";

/**
 * Whether a call asks its provider to cache the prompt: when it belongs to a session, whose next call will repeat the beginning. What is
 * written for a call outside a session is paid for and read by nobody. Providers that cache by themselves do so all the same.
 * Where the marks stand is Anthropic's own matter: `providers/anthropic/prompt-marks.ts`.
 */
export const cachesPrompt = (
  { sessionId }: Pick<RoutingRequest, "sessionId">,
  { promptCache }: Pick<RoutingConfig, "promptCache">,
): boolean => promptCache === "sessions" && sessionId !== "";
