/** What the exchanges of one sandbox share. */
import type { Catalogue } from "../pricing/types.ts";
import type { PromptCache } from "./answer/prompt-cache.ts";
import type { Pace } from "./exchange/player.ts";
import type { FaultRules } from "./faults/rules.ts";
import type { Ledger, LedgerClock } from "./ledger.ts";
import type { Recordings } from "./recordings.ts";

export type World = Readonly<{
  clock: LedgerClock;
  ledger: Ledger;
  rules: FaultRules;
  cache: PromptCache;
  recordings: Recordings;
  catalogue: Catalogue;
  pace: Pace;
  /** Between two pings of the fault `ping-only`, in ms. */
  pingIntervalMs: number;
  /** The sandbox is being closed: connections that end now are its doing. */
  isClosing(): boolean;
}>;
