import type { CustomProvider } from "../config/document.ts";
import type { ProviderAvailability } from "../routing/types.ts";
import type { ProviderSettings } from "../settings/providers.ts";
import type { Settings } from "../settings/settings.ts";

/** The providers of the environment and those of the configuration, which win where both have one of a name. */
export function providersOf(
  { providers, customKeys }: Pick<Settings, "providers" | "customKeys">,
  custom: readonly CustomProvider[],
): readonly ProviderSettings[] {
  const ids = new Set(custom.map(({ id }) => id));
  const published = custom.map(
    ({ id, baseUrl, keyVariable }): ProviderSettings => ({
      id,
      dialect: "openai",
      isPublished: true,
      baseUrl,
      keyVariables: keyVariable === "" ? [] : [keyVariable],
      keyRequired: keyVariable !== "",
      ...(customKeys[keyVariable] !== undefined && { apiKey: customKeys[keyVariable] }),
    }),
  );
  return [...providers.filter(({ id }) => !ids.has(id)), ...published];
}

/** What is known of the providers once a document's own are among them. */
export function customAvailability(
  known: ReadonlyMap<string, ProviderAvailability>,
  custom: readonly CustomProvider[],
  settings: Pick<Settings, "customKeys">,
  sandbox: boolean,
): ReadonlyMap<string, ProviderAvailability> {
  const own = providersOf({ ...settings, providers: [] }, custom).map(
    ({ id, keyVariables, keyRequired, apiKey }) =>
      [id, { keyPresent: sandbox || !keyRequired || apiKey !== undefined, keyVariables }] as const,
  );
  return new Map([...known, ...own]);
}
