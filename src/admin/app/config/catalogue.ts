/** What the catalogue knows of the models that targets may name. */
import type { Provider } from "../../../../gen/modeltier/v1/provider_pb.js";
import { BreakerState, type Model } from "../../../../gen/modeltier/v1/provider_pb.js";
import type { ModelTarget } from "../../../../gen/modeltier/v1/routing_pb.js";
import { count, exactUsd } from "../text/format.ts";
import { breakerSentence, providerName } from "../text/names.ts";

/** @property sandbox the sandbox answers in the provider's place, and asks for no key */
export type Entry = Readonly<{ provider: Provider; model: Model; sandbox: boolean }>;

export const nameOf = ({ provider, model }: Pick<ModelTarget, "provider" | "model">): string =>
  `${provider}/${model}`;

export const listEntries = (providers: readonly Provider[], sandbox: boolean): readonly Entry[] =>
  providers.flatMap((provider) => provider.models.map((model) => ({ provider, model, sandbox })));

export const findEntry = (entries: readonly Entry[], target: ModelTarget): Entry | undefined =>
  entries.find(({ provider, model }) => provider.id === target.provider && model.model === target.model);

/** "$0.15 in, $0.60 out a million tokens". */
export function sayPrice({ prices }: Model): string {
  const band = prices[0];
  if (band === undefined) return "price unknown";
  const each = (microUsd: bigint) => exactUsd(microUsd * 1000n);
  const more = prices.length > 1 ? ", more for long prompts" : "";
  return `${each(band.freshInputMicroUsdPerMtok)} in, ${each(band.outputMicroUsdPerMtok)} out per MTok${more}`;
}

export const sayWindow = ({ contextWindowTokens }: Model): string =>
  contextWindowTokens === 0n ? "window unknown" : `${count(contextWindowTokens)} tokens of context`;

/** Whether it can be called now, with the remedy where it cannot. */
export function sayAvailability({
  provider,
  model,
  sandbox,
}: Entry): Readonly<{ isGood: boolean; text: string }> {
  if (!provider.keyPresent && !sandbox) {
    return {
      isGood: false,
      text: `${providerName(provider.id)} has no key: set ${provider.missingVariable}`,
    };
  }
  const isGood = model.breaker !== BreakerState.OPEN && model.breaker !== BreakerState.PARKED;
  return { isGood, text: isGood ? "available" : breakerSentence[model.breaker] };
}
