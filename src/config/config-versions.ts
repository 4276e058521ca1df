/** The published versions: shown, added to, and put into force. What is in the database is the truth; replicas follow it. */
import type { Kysely } from "kysely";
import type { RoutingConfig } from "../routing/types.ts";
import type { ConfigProblem } from "../routing/validate-config.ts";
import {
  findNewestNumber,
  findVersion,
  insertVersion,
  listVersions,
  type NewVersion,
  type StoredVersion,
  type VersionInfo,
} from "../store/config-versions.ts";
import type { Database } from "../store/tables.ts";
import type { Active, ActiveConfig } from "./active-config.ts";
import type { ConfigDocument } from "./document.ts";
import {
  ConfigConflictError,
  ConfigStoreUnavailableError,
  UnusableVersionError,
  VersionNotFoundError,
} from "./errors.ts";

/** A document as it is stored: JSON by the contract's rules, so that releases can read each other's. */
export type ConfigCodec = Readonly<{
  encode(document: ConfigDocument): unknown;
  /** @param base gives the top-level fields that an older release did not have @throws Error when it is none */
  decode(stored: unknown, base: ConfigDocument): ConfigDocument;
}>;

export type ConfigVersionsDeps = Readonly<{
  db: Kysely<Database>;
  /** Asked what is new. Its waits are short: a connection that fell silent must not keep this replica behind. */
  watchDb: Kysely<Database>;
  active: ActiveConfig;
  codec: ConfigCodec;
  /** What preset and environment make: version 0. */
  base: ConfigDocument;
  resolve(document: ConfigDocument, version: number): RoutingConfig;
  validate(document: ConfigDocument): readonly ConfigProblem[];
}>;

/** A version that was added, and the one it is based on. */
export type Published = Readonly<{ next: Active; before: Active }>;

/** Who publishes, and why. */
export type Publication = Readonly<{ author: string; comment: string }>;

export class ConfigVersions {
  readonly #deps: ConfigVersionsDeps;

  constructor(deps: ConfigVersionsDeps) {
    this.#deps = deps;
  }

  /** Newest first. @throws ConfigStoreUnavailableError */
  list(limit: number, before?: number): Promise<readonly VersionInfo[]> {
    return asked(listVersions(this.#deps.db, limit, before));
  }

  /** A version as it would be in force. @throws VersionNotFoundError, ConfigStoreUnavailableError */
  async get(version: number): Promise<Active> {
    const { active } = this.#deps;
    if (version === active.version) return active.current;
    if (version === 0) return this.#baseVersion();
    const stored = await asked(findVersion(this.#deps.db, version));
    if (stored === undefined) throw new VersionNotFoundError(version);
    return this.#read(stored);
  }

  /**
   * Adds a version and puts it into force here; the database tells the others.
   * @param document valid
   * @throws ConfigConflictError, ConfigStoreUnavailableError
   */
  publish(document: ConfigDocument, basedOn: number, by: Publication): Promise<Published> {
    return this.#add(document, { ...by, basedOn });
  }

  /**
   * Adds a version with an older one's document.
   * @param basedOn the newest version; absent: whatever that is
   * @throws VersionNotFoundError, UnusableVersionError, ConfigConflictError, ConfigStoreUnavailableError
   */
  async rollBack(version: number, basedOn: number | undefined, by: Publication): Promise<Published> {
    const { document } = await this.get(version);
    const problems = this.#deps.validate(document);
    if (problems.length > 0) throw new UnusableVersionError(version, problems);
    const newest = basedOn ?? (await asked(findNewestNumber(this.#deps.db)));
    return this.#add(document, { ...by, basedOn: newest, rolledBackTo: version });
  }

  /** The newest version there is, when it is not the one in force. @throws Error when it cannot be read or run */
  async findNewer(): Promise<Active | undefined> {
    const { watchDb, active, validate } = this.#deps;
    const newest = await findNewestNumber(watchDb);
    const { version } = active;
    // A read that was under way when a version was published here may still tell of the one before.
    const isOlder = newest < version && !active.current.fromSnapshot;
    if (isOlder || (newest === version && !active.current.fromSnapshot)) return undefined;
    if (newest === 0) return this.#baseVersion();
    const stored = await findVersion(watchDb, newest);
    if (stored === undefined) return undefined;
    const next = this.#read(stored);
    const problems = validate(next.document);
    if (problems.length > 0) throw new UnusableVersionError(newest, problems);
    return next;
  }

  async #add(document: ConfigDocument, version: Omit<NewVersion, "document">): Promise<Published> {
    const { db, active, codec } = this.#deps;
    const before = await this.get(version.basedOn);
    const info = await asked(insertVersion(db, { ...version, document: codec.encode(document) }));
    if (info === undefined) throw await this.#conflict(before);
    const next = this.#activeOf(document, info);
    if (info.version > active.version || active.current.fromSnapshot) active.replace(next);
    return { next, before };
  }

  async #conflict(before: Active): Promise<Error> {
    const [newest] = await this.list(1);
    if (newest === undefined) return new VersionNotFoundError(before.config.version);
    const there = await this.get(newest.version);
    return new ConfigConflictError(newest, before.document, there.document);
  }

  #read({ document: stored, ...info }: StoredVersion): Active {
    return this.#activeOf(this.#deps.codec.decode(stored, this.#deps.base), info);
  }

  #activeOf(document: ConfigDocument, info: VersionInfo): Active {
    const config = this.#deps.resolve(document, info.version);
    return { config, document, info, fromSnapshot: false };
  }

  #baseVersion(): Active {
    const { base, resolve } = this.#deps;
    return { config: resolve(base, 0), document: base, fromSnapshot: false };
  }
}

/** What the database does not answer is one failure, whatever it was. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new ConfigStoreUnavailableError({ cause: error });
  }
}
