/** What a call is expected to use, cost and take. */
import { type Cost, costOf } from "../pricing/cost.ts";
import type { CatalogueModel } from "../pricing/types.ts";
import { chatCharacters } from "./measure.ts";
import {
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
export const estimateInputTokens = (request: RoutingRequest, scoredCharacters: number): number =>
  tokensOf(
    request.step !== undefined && request.chat !== undefined
      ? chatCharacters(request.chat)
      : scoredCharacters,
  );

/** Cost at a model's price of the day, all input fresh: nothing is known yet of what the provider has cached. */
export const estimateCost = (
  model: CatalogueModel | undefined,
  day: string,
  inputTokens: number,
  outputTokens: number,
): Cost =>
  costOf(model, day, {
    freshInputTokens: inputTokens,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens,
  });

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
