/**
 * What the real APIs make of a model's name. Read from the name alone, and not from the catalogue: the sandbox is there
 * to notice when the catalogue is wrong.
 */
export type OpenAiTraits = Readonly<{
  /** Thinks first, unseen; refuses sampling parameters, `stop` and `max_tokens`. */
  reasons: boolean;
  /** Counts tokens written to the cache (gpt-5.6 and later). */
  countsCacheWrites: boolean;
  /** Takes function tools on chat completions only with reasoning effort "none" (gpt-5.6 and later). */
  toolsNeedNoEffort: boolean;
  /** Can be told not to think. */
  knowsNoEffort: boolean;
  /** Names the `system_fingerprint`; null with the others. */
  hasFingerprint: boolean;
}>;

export function openAiTraits(model: string): OpenAiTraits {
  const version = versionBehind(/^gpt-/, model);
  return {
    reasons: version >= 5 || /^o\d/.test(model),
    countsCacheWrites: version >= 5.6,
    toolsNeedNoEffort: version >= 5.6,
    knowsNoEffort: version >= 5.1 && !/^gpt-6(?:\.\d+)?-(?:sol|astra)/.test(model),
    hasFingerprint: Math.floor(version) === 4,
  };
}

export type KimiTraits = Readonly<{
  thinks: "never" | "optional" | "always";
  /** The only temperature it takes while thinking and not; absent: any in range. */
  fixedTemperature?: Readonly<{ thinking: number; plain: number }>;
  /** Tells reasoning tokens in usage (k2.7 and later). */
  countsReasoning: boolean;
  /** Counts tokens written to the cache (k3 and later). */
  countsCacheWrites: boolean;
}>;

export function kimiTraits(model: string): KimiTraits {
  const version = versionBehind(/^kimi-k/, model);
  return {
    thinks: version >= 2.7 || model.includes("thinking") ? "always" : version >= 2.5 ? "optional" : "never",
    fixedTemperature: version >= 2.5 ? { thinking: 1, plain: 0.6 } : undefined,
    countsReasoning: version >= 2.7,
    countsCacheWrites: version >= 3,
  };
}

export type AnthropicTraits = Readonly<{
  thinks: "optional" | "always";
  /** Takes sampling parameters under API versions before 2026-10-21. */
  samples: boolean;
  /** A shorter prefix is not cached, mark or not. */
  leastCachedTokens: number;
}>;

export function anthropicTraits(model: string): AnthropicTraits {
  const version = versionBehind(/^claude-[a-z]+-/, model);
  return {
    thinks: /^claude-(?:fable|(?:sonnet|opus)-5-5)/.test(model) ? "always" : "optional",
    samples: version < 5 && !/^claude-opus-4-[78]/.test(model),
    leastCachedTokens: leastCachedTokens(model),
  };
}

/** Documented for the 3 and 4 families; the 5 family is taken to be like most of these. */
function leastCachedTokens(model: string): number {
  if (/^claude-(?:haiku-4-5|opus-4-[5-8])/.test(model)) return 4096;
  return /^claude-3(?:-5)?-haiku/.test(model) ? 2048 : 1024;
}

/** 5.6 of "gpt-5.6-luna" and of "claude-x-5-6"; 0 when there is no version. Dates are not minor versions. */
function versionBehind(prefix: RegExp, model: string): number {
  const found = /^(\d+)(?:[.-](\d{1,2})(?!\d))?/.exec(model.replace(prefix, ""));
  return prefix.test(model) && found !== null ? Number(`${found[1]}.${found[2] ?? 0}`) : 0;
}
