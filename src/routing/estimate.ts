/** What a call is expected to use, cost and take. */
import type { BilledTokens } from "../pricing/types.ts";
import { chatCharacters, reasoningCharacters } from "./measure.ts";
import { cachesPrompt } from "./prompt-cache.ts";
import type { Situation } from "./situation.ts";
import {
  type ModelTarget,
  type ProviderState,
  type RoutingConfig,
  type RoutingRequest,
  type Tier,
  targetKey,
} from "./types.ts";

const CHARACTERS_PER_TOKEN = 4;
/** Fewer measured calls say too little about the next one. */
const ENOUGH_CALLS = 20;

/** Tokens of a text of so many characters: four characters a token, rounded up. */
export const tokensOf = (characters: number): number => Math.ceil(characters / CHARACTERS_PER_TOKEN);

/**
 * Input tokens of a call. The messages are what is sent, so they decide where there are any; without them it is the
 * step's own text. Input data and images are not estimated: how much of them reaches the model is not known here.
 * @param scoredCharacters length of the scored text, the messages' or the step's, in code points; 0 when nothing was
 */
export function estimateInputTokens({ step, chat }: RoutingRequest, scoredCharacters: number): number {
  if (chat === undefined) return tokensOf(scoredCharacters);
  return tokensOf(step === undefined ? scoredCharacters + reasoningCharacters(chat) : chatCharacters(chat));
}

/** Tokens of this call that a target is expected to read from its cache: what it holds of the session, no more than there are. */
export function warmTokensAt(target: ModelTarget, { request, state, inputTokens }: Situation): number {
  if (request.sessionId === "") return 0;
  return Math.min(state.warm?.get(targetKey(target))?.tokens ?? 0, inputTokens);
}

/**
 * What a call is expected to be billed for at a target. What a session's call does not read from the cache it may write to it, as far
 * as the provider does that, so all of it counts as written: the most that it can cost. Where a write has no price of its
 * own that is the price of fresh input.
 */
export function expectedTokens(
  target: ModelTarget,
  situation: Situation,
  outputTokens: number,
): BilledTokens {
  const cachedInputTokens = warmTokensAt(target, situation);
  const rest = situation.inputTokens - cachedInputTokens;
  const writes = cachesPrompt(situation.request, situation.config);
  return {
    freshInputTokens: writes ? 0 : rest,
    cachedInputTokens,
    cacheWriteTokens: writes ? rest : 0,
    outputTokens,
  };
}

/** The target's median of the last hour once there are 20 calls of it; the configured figure of its tier before. */
export function estimateLatency(
  target: Readonly<{ provider: string; model: string; tier: Tier }>,
  config: RoutingConfig,
  state: ProviderState,
): Readonly<{ latencyMs: number; source: "measured" | "configured" }> {
  const measured = state.targets.get(targetKey(target));
  if (measured?.latencyP50Ms !== undefined && measured.calls >= ENOUGH_CALLS) {
    return { latencyMs: measured.latencyP50Ms, source: "measured" };
  }
  return { latencyMs: config.assumedLatencyMs[target.tier], source: "configured" };
}
