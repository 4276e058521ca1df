/** The lists of a configuration: a case for adding to each, and for every field of what is in it. */
import { timersOf } from "../../routing/types.ts";
import { providersOf } from "../../service/custom-providers.ts";
import { type Case, costs, type Draft, decide, listed, type Observe, resolved } from "./observers.ts";

const GPT = { provider: "openai", model: "gpt-4o-mini" };
const GPT4 = { provider: "openai", model: "gpt-4o" };

type Part<Name extends "modelTimers" | "modelOverrides" | "priceOverrides" | "customProviders"> =
  Draft[Name][number];

/** A change of the list's first element, which is there before. */
const inFirst =
  <Name extends "modelTimers" | "modelOverrides" | "priceOverrides" | "customProviders">(
    name: Name,
    change: (part: Part<Name>) => void,
  ) =>
  (draft: Draft): void => {
    const [part] = draft[name];
    if (part !== undefined) change(part);
  };

const timers: Observe = (document) =>
  [GPT, GPT4, { ...GPT, provider: "kimi" }].map((target) =>
    timersOf(resolved(document), { ...target, tier: "fast" }),
  );
const addTimers = (draft: Draft): void => {
  const own = { headersMs: 1, firstTokenMs: 2, byteSilenceMs: 3, contentSilenceMs: 4 };
  draft.modelTimers.push({ target: { ...GPT }, timers: own });
};
const ofTimers = (change: (part: Part<"modelTimers">) => void): Case => [
  timers,
  inFirst("modelTimers", change),
  addTimers,
];

const MODEL_TIMERS: Readonly<Record<string, Case>> = {
  model_timers: [timers, addTimers],
  "model_timers[].target.provider": ofTimers(({ target }) => Object.assign(target, { provider: "kimi" })),
  "model_timers[].target.model": ofTimers(({ target }) => Object.assign(target, GPT4)),
  "model_timers[].timers.headers": ofTimers((part) => Object.assign(part.timers, { headersMs: 9 })),
  "model_timers[].timers.first_token": ofTimers((part) => Object.assign(part.timers, { firstTokenMs: 9 })),
  "model_timers[].timers.byte_silence": ofTimers((part) => Object.assign(part.timers, { byteSilenceMs: 9 })),
  "model_timers[].timers.content_silence": ofTimers((part) =>
    Object.assign(part.timers, { contentSilenceMs: 9 }),
  ),
};

/** Every tier asks the overridden model first. */
const onlyGpt = ({ tiers }: Draft): void => {
  for (const tier of Object.values(tiers)) tier.targets = [{ ...GPT }, { ...GPT4 }];
};
const overriding =
  (override: Partial<Part<"modelOverrides">>, ...others: readonly Part<"modelOverrides">[]) =>
  (draft: Draft): void => {
    onlyGpt(draft);
    draft.modelOverrides.push({ target: { ...GPT }, ...override }, ...structuredClone([...others]));
  };
const ofModel = (
  change: Partial<Part<"modelOverrides">>,
  prepare: (draft: Draft) => void = overriding({}),
): Case => [decide, inFirst("modelOverrides", (part) => Object.assign(part, change)), prepare];
const SMALL = { contextWindowTokens: 100, maxOutputTokens: 10 };
const retired = overriding(
  { retiredOn: "2026-01-01", successor: { ...GPT4 } },
  { target: { ...GPT4, provider: "kimi" }, contextWindowTokens: 100_000, maxOutputTokens: 10_000 },
);

const MODEL_OVERRIDES: Readonly<Record<string, Case>> = {
  model_overrides: [decide, (draft) => void draft.modelOverrides.push({ target: GPT, ...SMALL }), onlyGpt],
  "model_overrides[].target.provider": ofModel({ target: { ...GPT, provider: "kimi" } }, overriding(SMALL)),
  "model_overrides[].target.model": ofModel({ target: { ...GPT4 } }, overriding(SMALL)),
  "model_overrides[].context_window_tokens": ofModel({ contextWindowTokens: 100 }),
  "model_overrides[].max_output_tokens": ofModel({ maxOutputTokens: 10 }),
  "model_overrides[].tools": ofModel({ tools: false }),
  "model_overrides[].forced_tools": ofModel({ forcedTools: false }),
  "model_overrides[].images": ofModel({ images: false }),
  "model_overrides[].json_object": ofModel({ jsonObject: false }),
  "model_overrides[].json_schema": ofModel({ jsonSchema: false }),
  "model_overrides[].retired_on": ofModel({ retiredOn: "2026-01-01" }),
  "model_overrides[].successor.provider": ofModel({ successor: { ...GPT4, provider: "kimi" } }, retired),
  "model_overrides[].successor.model": ofModel(
    { successor: { provider: "openai", model: "gpt-5.6-luna" } },
    retired,
  ),
};

const BAND = {
  freshInputMicroUsdPerMtok: 9n,
  cachedInputMicroUsdPerMtok: 9n,
  cacheWriteMicroUsdPerMtok: 9n,
  outputMicroUsdPerMtok: 9n,
};
const addPrice = (draft: Draft): void => {
  const bands = [
    { ...BAND, upToInputTokens: 10_000 },
    { ...BAND, freshInputMicroUsdPerMtok: 99n },
  ];
  draft.priceOverrides.push({ target: { ...GPT }, effectiveFrom: "2026-01-01", bands, source: "a letter" });
};
const ofPrice = (change: (part: Part<"priceOverrides">) => void, observe: Observe = costs): Case => [
  observe,
  inFirst("priceOverrides", change),
  addPrice,
];
/** The last band, which has no limit. */
const ofRate = (rate: keyof typeof BAND): Case =>
  ofPrice(({ bands }) => {
    for (const band of bands) band[rate] += 1_000_000n;
  });

const PRICE_OVERRIDES: Readonly<Record<string, Case>> = {
  price_overrides: [costs, addPrice],
  "price_overrides[].target.provider": ofPrice(({ target }) => {
    Object.assign(target, { provider: "anthropic", model: "claude-haiku-5-5" });
  }),
  "price_overrides[].target.model": ofPrice(({ target }) => Object.assign(target, GPT4)),
  "price_overrides[].effective_from": ofPrice((part) => Object.assign(part, { effectiveFrom: "2026-03-01" })),
  "price_overrides[].bands": ofPrice((part) => part.bands.shift()),
  "price_overrides[].bands[].up_to_input_tokens": ofPrice(({ bands }) =>
    Object.assign(bands[0] ?? {}, { upToInputTokens: 1_000 }),
  ),
  "price_overrides[].bands[].fresh_input_micro_usd_per_mtok": ofRate("freshInputMicroUsdPerMtok"),
  "price_overrides[].bands[].cached_input_micro_usd_per_mtok": ofRate("cachedInputMicroUsdPerMtok"),
  "price_overrides[].bands[].cache_write_micro_usd_per_mtok": ofRate("cacheWriteMicroUsdPerMtok"),
  "price_overrides[].bands[].output_micro_usd_per_mtok": ofRate("outputMicroUsdPerMtok"),
  "price_overrides[].source": ofPrice((part) => Object.assign(part, { source: "another" }), listed),
};

const KEYS = { ONE_API_KEY: "1", OTHER_API_KEY: "2" };
const own: Observe = ({ customProviders }) =>
  providersOf({ providers: [], customKeys: KEYS }, customProviders).map(({ id, baseUrl, apiKey }) => [
    id,
    baseUrl,
    apiKey,
  ]);
const addOwn = (draft: Draft): void => {
  draft.customProviders.push({ id: "own", baseUrl: "http://own", keyVariable: "ONE_API_KEY" });
};
const ofOwn = (change: Partial<Part<"customProviders">>): Case => [
  own,
  inFirst("customProviders", (part) => Object.assign(part, change)),
  addOwn,
];

const CUSTOM_PROVIDERS: Readonly<Record<string, Case>> = {
  custom_providers: [own, addOwn],
  "custom_providers[].id": ofOwn({ id: "mine" }),
  "custom_providers[].base_url": ofOwn({ baseUrl: "http://mine" }),
  "custom_providers[].key_variable": ofOwn({ keyVariable: "OTHER_API_KEY" }),
};

export const LIST_CASES: Readonly<Record<string, Case>> = {
  ...MODEL_TIMERS,
  ...MODEL_OVERRIDES,
  ...PRICE_OVERRIDES,
  ...CUSTOM_PROVIDERS,
};
