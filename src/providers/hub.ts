/** The providers in use: built from settings, replaced as a whole when keys or base URLs change. */
import type { ProviderAvailability } from "../routing/types.ts";
import type { ProviderSettings } from "../settings/providers.ts";
import type { HttpProvider } from "./http-provider.ts";
import { createProviders } from "./registry.ts";
import type { Transport } from "./transport.ts";

/** Where the sandbox serves each dialect. */
export type SandboxBaseUrls = Readonly<Record<"openai" | "anthropic" | "kimi", string>>;

/** One immutable generation of clients; a call keeps the one it started with. */
export type ProviderSnapshot = Readonly<{
  settings: readonly ProviderSettings[];
  /** Every provider can be called here that has a key, or needs none, or is played by the sandbox. */
  providers: ReadonlyMap<string, HttpProvider>;
  availability: ReadonlyMap<string, ProviderAvailability>;
  sandbox: boolean;
  /** Where each is asked, by id. */
  addresses: ReadonlyMap<string, ProviderAddress>;
}>;

export type ProviderAddress = Readonly<{ host: string; port: number }>;

export class ProviderHub {
  readonly #transport: Transport;
  #current: ProviderSnapshot;

  constructor(transport: Transport, settings: readonly ProviderSettings[], sandbox?: SandboxBaseUrls) {
    this.#transport = transport;
    this.#current = snapshotOf(transport, settings, sandbox);
  }

  get current(): ProviderSnapshot {
    return this.#current;
  }

  /** Builds the clients anew. @returns the ids of the providers that differ from before */
  replace(settings: readonly ProviderSettings[], sandbox?: SandboxBaseUrls): readonly string[] {
    const before = new Map(this.#current.settings.map((provider) => [provider.id, provider]));
    const changed = settings.filter((provider) => differs(provider, before.get(provider.id)));
    const kept = new Set(settings.map(({ id }) => id));
    const gone = [...before.keys()].filter((id) => !kept.has(id));
    this.#current = snapshotOf(this.#transport, settings, sandbox);
    return [...changed.map(({ id }) => id), ...gone].sort();
  }
}

const differs = (now: ProviderSettings, before: ProviderSettings | undefined): boolean =>
  before === undefined || now.apiKey !== before.apiKey || now.baseUrl !== before.baseUrl;

function snapshotOf(
  transport: Transport,
  settings: readonly ProviderSettings[],
  sandbox: SandboxBaseUrls | undefined,
): ProviderSnapshot {
  const usable =
    sandbox === undefined ? settings.filter(hasKey) : settings.map((provider) => played(provider, sandbox));
  return {
    settings,
    providers: createProviders(
      usable.map(({ id, dialect, baseUrl, apiKey, isPublished = false }) => ({
        id,
        dialect,
        baseUrl,
        apiKey: apiKey ?? "",
        isChecked: isPublished,
      })),
      transport,
    ),
    availability: new Map(
      settings.map((provider) => [
        provider.id,
        { keyPresent: sandbox !== undefined || hasKey(provider), keyVariables: provider.keyVariables },
      ]),
    ),
    sandbox: sandbox !== undefined,
    addresses: new Map(usable.map(({ id, baseUrl }) => [id, addressOf(baseUrl)])),
  };
}

const DEFAULT_PORT: Readonly<Record<string, number>> = { "https:": 443, "http:": 80 };

function addressOf(baseUrl: string): ProviderAddress {
  const { hostname, port, protocol } = new URL(baseUrl);
  return { host: hostname, port: port === "" ? (DEFAULT_PORT[protocol] ?? 0) : Number(port) };
}

const hasKey = ({ apiKey, keyRequired }: ProviderSettings): boolean => apiKey !== undefined || !keyRequired;

/** A provider as the sandbox plays it. A configured server of one's own speaks OpenAI's dialect there. */
function played(provider: ProviderSettings, sandbox: SandboxBaseUrls): ProviderSettings {
  return { ...provider, baseUrl: sandbox[provider.dialect], apiKey: "sandbox", isPublished: false };
}
