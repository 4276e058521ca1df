/** Why a configuration could not be published or shown. */
import type { ConfigProblem } from "../routing/validate-config.ts";
import type { VersionInfo } from "../store/config-versions.ts";
import type { ConfigDocument } from "./document.ts";

/** Somebody else published since. */
export class ConfigConflictError extends Error {
  override readonly name = "ConfigConflictError";
  readonly newest: VersionInfo;
  /** What the refused configuration is based on, and what is there now. */
  readonly base: ConfigDocument;
  readonly document: ConfigDocument;

  constructor(newest: VersionInfo, base: ConfigDocument, document: ConfigDocument) {
    super(`version ${newest.version} was published meanwhile`);
    this.newest = newest;
    this.base = base;
    this.document = document;
  }
}

export class VersionNotFoundError extends Error {
  override readonly name = "VersionNotFoundError";
  readonly version: number;

  constructor(version: number) {
    super(`there is no version ${version}`);
    this.version = version;
  }
}

/** An old version that cannot be run any more. */
export class UnusableVersionError extends Error {
  override readonly name = "UnusableVersionError";
  readonly version: number;
  readonly problems: readonly ConfigProblem[];

  constructor(version: number, problems: readonly ConfigProblem[]) {
    super(`version ${version} is not valid any more`);
    this.version = version;
    this.problems = problems;
  }
}

/** The database does not answer. */
export class ConfigStoreUnavailableError extends Error {
  override readonly name = "ConfigStoreUnavailableError";

  constructor(options?: ErrorOptions) {
    super("the database does not answer", options);
  }
}
