/** A reload of the providers for an operator: what changed, what did not and why, and its entry in the audit log. */
import { hostname } from "node:os";
import type { ActiveConfig } from "../config/active-config.ts";
import { listMissingKeys } from "../config/warnings.ts";
import { type ProviderState, TIERS } from "../routing/types.ts";
import { SettingsError } from "../settings/reader.ts";
import { listNotReloaded } from "../settings/reloads.ts";
import { ROUTING_VARIABLES } from "../settings/routing-variables.ts";
import type { Settings } from "../settings/settings.ts";
import { insertAuditEntry } from "../store/audit-log.ts";
import type { OpenDatabase } from "../store/database.ts";
import { failureFields } from "../store/failure.ts";
import type { Log } from "../telemetry/log.ts";

export type ReloadDeps = Readonly<{
  /** Has this process, and every other behind its ports, take keys and base URLs anew. @returns ids of those that differ */
  reload(): Promise<readonly string[]>;
  started: Settings;
  /** As they were read last. */
  latest(): Settings;
  active: ActiveConfig;
  state(): ProviderState;
  database: Pick<OpenDatabase, "db">;
  log: Log;
}>;

export type Reloaded = Readonly<{
  /** Ids of the providers that differ from before. */
  changed: readonly string[];
  warnings: readonly string[];
}>;

/** @throws SettingsError when nothing was changed, and whatever `reload` rejects with when not every process has the keys */
export async function reloadProviders(author: string, deps: ReloadDeps): Promise<Reloaded> {
  const changed = await reloadNoted(author, deps);
  const isNoted = await noteReload(author, changed, deps);
  const lost = "the reload is not in the audit log: the database does not answer";
  return { changed, warnings: [...listReloadWarnings(deps), ...(isNoted ? [] : [lost])] };
}

/** One that some processes have not heard of has changed something all the same. */
async function reloadNoted(author: string, deps: ReloadDeps): Promise<readonly string[]> {
  try {
    return await deps.reload();
  } catch (error) {
    if (!(error instanceof SettingsError)) await noteReload(author, undefined, deps);
    throw error;
  }
}

/**
 * Keys are wanted most when something is down, so a reload does not fail for its entry.
 * @param changed undefined: it is not known, since not every process has answered
 */
async function noteReload(
  author: string,
  changed: readonly string[] | undefined,
  { database, log }: ReloadDeps,
): Promise<boolean> {
  try {
    const detail = { changed: changed ?? null, complete: changed !== undefined, host: hostname() };
    await insertAuditEntry(database.db, { action: "providers.reload", author, subject: "providers", detail });
    return true;
  } catch (error) {
    log.warn("a reload of the providers could not be noted in the audit log", {
      author,
      changed: changed?.join(" "),
      ...failureFields(error),
    });
    return false;
  }
}

/** What the reload did not do, and what it took away, each with the remedy. */
export function listReloadWarnings({
  started,
  latest,
  active: { current },
  state,
}: Pick<ReloadDeps, "started" | "latest" | "active" | "state">): readonly string[] {
  const { sandbox, providers } = state();
  const left = listNotReloaded(started, latest(), sandbox).map((name) =>
    current.info !== undefined && name in ROUTING_VARIABLES
      ? `${name} changed: version ${current.info.version} is published and wins over it; publish what it should say`
      : `${name} changed: a reload takes keys and base URLs only; restart for it`,
  );
  const gone = TIERS.flatMap((tier) =>
    current.config.tiers[tier].targets.flatMap(({ provider }, index) =>
      providers.has(provider)
        ? []
        : [
            `tiers.${tier}.targets[${index}] is passed over: ${provider} is gone; name it in MODELTIER_PROVIDERS, or publish without it`,
          ],
    ),
  );
  return [...left, ...gone, ...listMissingKeys(current.config, state())];
}
