/** The six factors of the classic score, for a request that comes without them. */
import { NO_TRANSFORM, stepComplexity } from "../routing/complexity.ts";
import { PRESETS } from "../routing/presets.ts";
import { countConditionWords, countReferences, utf8Bytes } from "../routing/text-signals.ts";
import type { ClassicFactor } from "./types.ts";

/** As of a chat of no stated kind; conditions and references as far as the text was looked at. */
export function classicFactors(
  text: string,
  characters: number,
  attachmentBytes: number,
): Readonly<Record<ClassicFactor, number>> {
  const { factors } = stepComplexity(
    "unspecified",
    {
      prompt: characters,
      data: Math.max(characters, utf8Bytes(text)) + attachmentBytes,
      conditions: countConditionWords(text),
      context: countReferences(text),
    },
    NO_TRANSFORM,
    PRESETS.classic,
  );
  return Object.fromEntries(factors.map(({ name, score }) => [name, score])) as Record<ClassicFactor, number>;
}
