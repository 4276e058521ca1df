/**
 * The providers' prompt caches, simulated: a prefix of a prompt that was seen before is read from the cache. Nothing
 * expires; the least recently used prefixes go when there are too many.
 */
import { hash } from "node:crypto";
import type { PromptBlock } from "./ask.ts";
import { tokensOfCharacters } from "./tokens.ts";

export type CachePolicy = Readonly<{
  /** Shorter prefixes are not cached. */
  minimumTokens: number;
  /** Cached lengths are multiples of this. */
  stepTokens: number;
  /**
   * Anthropic writes at the caller's breakpoints, and reads what was written there or up to 20 blocks before; the others do
   * both at every message.
   */
  breakpointsOnly: boolean;
  /** Whether tokens written to the cache are counted apart. */
  countsWrites: boolean;
}>;

export type PromptReading = Readonly<{
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  /** How long what was written stays. */
  writtenFor: "5m" | "1h";
  /** Hex digest of the whole prompt: seeds the answer. */
  digest: string;
}>;

type Prefix = Readonly<{ digest: string; tokens: number; cacheFor?: "5m" | "1h" }>;

const MOST_PREFIXES = 50_000;
/** How far before a breakpoint an earlier one is looked for. */
const LOOKBACK_BLOCKS = 20;

export class PromptCache {
  readonly #seen = new Set<string>();

  /**
   * Counts a prompt, and remembers it.
   * @param owner provider and model: caches are not shared between models
   */
  read(owner: string, blocks: readonly PromptBlock[], policy: CachePolicy): PromptReading {
    const prefixes = prefixesOf(owner, blocks);
    const whole = prefixes.at(-1);
    const cacheable = cacheablePrefixes(prefixes, policy);
    const written = cacheable.filter((prefix) => !policy.breakpointsOnly || prefix.cacheFor !== undefined);
    const cached = cacheable.findLast((prefix) => this.#seen.has(prefix.digest))?.tokens ?? 0;
    for (const prefix of written) this.#remember(prefix.digest);
    const last = written.at(-1);
    return {
      inputTokens: whole?.tokens ?? 0,
      cachedInputTokens: cached,
      cacheWriteTokens: policy.countsWrites ? Math.max(0, (last?.tokens ?? 0) - cached) : 0,
      writtenFor: last?.cacheFor ?? "5m",
      digest: whole?.digest ?? hash("sha256", owner),
    };
  }

  #remember(digest: string): void {
    this.#seen.delete(digest);
    this.#seen.add(digest);
    if (this.#seen.size <= MOST_PREFIXES) return;
    const [oldest] = this.#seen;
    if (oldest !== undefined) this.#seen.delete(oldest);
  }
}

function prefixesOf(owner: string, blocks: readonly PromptBlock[]): readonly Prefix[] {
  let digest = hash("sha256", owner);
  let characters = 0;
  return blocks.map((block) => {
    digest = hash("sha256", `${digest}\n${block.identity}`);
    characters += block.characters;
    return { digest, tokens: tokensOfCharacters(characters), cacheFor: block.cacheFor };
  });
}

const isInReach = (position: number, prefixes: readonly Prefix[]): boolean =>
  prefixes.slice(position, position + LOOKBACK_BLOCKS + 1).some(({ cacheFor }) => cacheFor !== undefined);

/** Shortest first, with their lengths rounded down to what the provider caches. */
function cacheablePrefixes(prefixes: readonly Prefix[], policy: CachePolicy): readonly Prefix[] {
  return prefixes
    .filter((_, position) => !policy.breakpointsOnly || isInReach(position, prefixes))
    .map((prefix) => ({
      ...prefix,
      tokens: Math.floor(prefix.tokens / policy.stepTokens) * policy.stepTokens,
    }))
    .filter((prefix) => prefix.tokens >= policy.minimumTokens);
}
