import { anthropicAdapter } from "./anthropic/anthropic.ts";
import { type DialectAdapter, HttpProvider } from "./http-provider.ts";
import { kimiAdapter } from "./kimi/kimi.ts";
import { openaiAdapter } from "./openai/openai.ts";
import type { Dialect } from "./provider.ts";
import type { Transport } from "./transport.ts";

export type ProviderConfig = Readonly<{
  /** "openai", "anthropic", "kimi", or the name of a custom one. */
  id: string;
  dialect: Dialect;
  /** With the version where the dialect has one in its address: https://api.openai.com/v1 */
  baseUrl: string;
  /** "" sends none, for a server that needs none. */
  apiKey: string;
  /** A published configuration names its address, which may not be any. */
  isChecked?: boolean;
}>;

const ADAPTERS: Readonly<Record<Dialect, (config: ProviderConfig) => DialectAdapter>> = {
  openai: openaiAdapter,
  anthropic: anthropicAdapter,
  kimi: kimiAdapter,
};

/** The configured providers by id, on one pool of connections. Nothing connects before the first call. */
export function createProviders(
  configs: readonly ProviderConfig[],
  transport: Transport,
): ReadonlyMap<string, HttpProvider> {
  return new Map(
    configs.map((config) => [
      config.id,
      new HttpProvider(config, ADAPTERS[config.dialect](config), transport),
    ]),
  );
}
