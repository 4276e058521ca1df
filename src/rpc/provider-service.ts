import { create } from "@bufbuild/protobuf";
import {
  ListProvidersResponseSchema,
  type Provider,
  ReloadProvidersResponseSchema,
} from "../../gen/modeltier/v1/provider_pb.js";
import { ProviderService } from "../../gen/modeltier/v1/provider_service_pb.js";
import type { ProviderHub } from "../providers/hub.ts";
import type { ProviderState, RoutingConfig } from "../routing/types.ts";
import { providersToProto } from "./convert/provider.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { readAuthor } from "./validate/author.ts";

export type ProviderServiceDeps = Readonly<{
  hub: ProviderHub;
  config: () => RoutingConfig;
  state: () => ProviderState;
  /** Reads keys and base URLs again and replaces the clients. Rejects with SettingsError and changes nothing when one is wrong. */
  reload: (author: string) => Promise<Readonly<{ changed: readonly string[]; warnings: readonly string[] }>>;
}>;

export function providerService({ hub, config, state, reload }: ProviderServiceDeps): ServiceEntry {
  const list = (): Provider[] => providersToProto(hub.current, { config: config(), state: state() });
  return serviceEntry(ProviderService, {
    listProviders: () =>
      create(ListProvidersResponseSchema, { providers: list(), sandbox: hub.current.sandbox }),
    reloadProviders: async ({ author }) => {
      const { changed, warnings } = await reload(readAuthor(author));
      return create(ReloadProvidersResponseSchema, {
        providers: list(),
        changed: [...changed],
        sandbox: hub.current.sandbox,
        warnings: [...warnings],
      });
    },
  });
}
