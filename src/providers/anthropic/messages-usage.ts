import { asCount, asList, asRecord, type JsonRecord } from "../json.ts";
import type { TokenUsage } from "../provider.ts";

type Count = (usage: JsonRecord) => number | undefined;

/** Where each number stands in Anthropic's usage. */
const COUNTS = {
  fresh: (usage) => asCount(usage.input_tokens),
  written: (usage) => asCount(usage.cache_creation_input_tokens),
  cached: (usage) => asCount(usage.cache_read_input_tokens),
  output: (usage) => asCount(usage.output_tokens),
  reasoning: (usage) => asCount(asRecord(usage.output_tokens_details)?.thinking_tokens),
} as const satisfies Record<string, Count>;

type CountName = keyof typeof COUNTS;
const COUNT_NAMES = Object.keys(COUNTS) as CountName[];

/**
 * Usage that comes in several reports. Each is the total so far, so of every number the last one counts and nothing is added;
 * the first report's output is interim.
 */
export class MessagesUsage {
  readonly #counts: Partial<Record<CountName, number>> = {};

  add(value: unknown): void {
    const usage = asRecord(value);
    if (usage === undefined) return;
    const passes = asList(usage.iterations)
      .map(asRecord)
      .filter((pass) => pass !== undefined);
    for (const name of COUNT_NAMES) {
      const count = sumOf(passes, COUNTS[name]) ?? COUNTS[name](usage);
      if (count !== undefined) this.#counts[name] = count;
    }
  }

  /** Undefined until input and output were both reported. Cached and written tokens come beside the input and are added to it. */
  get total(): TokenUsage | undefined {
    const { fresh, written = 0, cached = 0, output, reasoning } = this.#counts;
    if (fresh === undefined || output === undefined) return undefined;
    return {
      inputTokens: fresh + written + cached,
      cachedInputTokens: cached,
      cacheWriteTokens: written,
      outputTokens: output,
      ...(reasoning !== undefined && { reasoningTokens: reasoning }),
    };
  }
}

/** When the model ran several times the report itself holds the last pass only, and every pass is billed. */
function sumOf(passes: readonly JsonRecord[], count: Count): number | undefined {
  const counts = passes.map(count).filter((number) => number !== undefined);
  return counts.length === 0 ? undefined : counts.reduce((sum, number) => sum + number, 0);
}
