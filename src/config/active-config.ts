/** The configuration in force: replaced as a whole, in one assignment, so that nobody ever sees half of one. */
import type { RoutingConfig } from "../routing/types.ts";
import type { VersionInfo } from "../store/config-versions.ts";
import type { ConfigDocument } from "./document.ts";

export type Active = Readonly<{
  config: RoutingConfig;
  document: ConfigDocument;
  /** Absent: nothing is published; preset and environment make the configuration. */
  info?: VersionInfo;
  /** It is the last good one from the disk: the database has not answered yet. */
  fromSnapshot: boolean;
}>;

export class ActiveConfig {
  readonly #followers: ((next: Active) => void)[] = [];
  #current: Active;

  constructor(first: Active) {
    this.#current = first;
  }

  get current(): Active {
    return this.#current;
  }

  /** The number of the version in force; 0: none is published. */
  get version(): number {
    return this.#current.config.version;
  }

  /** Tells of the one in force now, and of each that follows before anyone can read it. @param follower must not throw */
  follow(follower: (active: Active) => void): void {
    this.#followers.push(follower);
    follower(this.#current);
  }

  replace(next: Active): void {
    for (const follower of this.#followers) follower(next);
    this.#current = next;
  }
}
