/** Makes a repeated call safe: of all calls with one key one is made, and the others are given what came of it. */
import { createHash, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import { failureFields, isRowAtFault, isServerAnswer } from "../store/failure.ts";
import {
  type ClaimId,
  claimKey,
  findKey,
  releaseKey,
  type StoredKey,
  settleKey,
} from "../store/idempotency-keys.ts";
import { backOff, isWorthALine } from "../store/retry.ts";
import type { Database } from "../store/tables.ts";
import type { Log } from "../telemetry/log.ts";
import { IdempotencyError } from "./idempotency-error.ts";
import { startKeySweeper } from "./sweeper.ts";

/** How long an outcome is kept. */
export const KEPT_MS = 24 * 3_600_000;
/** Largest outcome that is kept. */
export const MAX_OUTCOME_BYTES = 4 * 1024 * 1024;

/** How a call ended, as bytes whose meaning is the caller's. */
export type Outcome = Readonly<{ state: "answered" | "failed"; bytes: Uint8Array }>;

export type KeyedCall = Readonly<{
  /** Keys of different scopes never meet. */
  scope: string;
  key: string;
  bodyHash: Uint8Array;
  /** Longer than the call can last. A process that dies holds the key for so long. */
  leaseMs: number;
}>;

/** The right to make the call. The first of `settle` and `release` counts. */
export type Claim = Readonly<{
  /** Keeps the outcome. Resolves when it is kept, or when that takes so long that the caller should not wait for it. */
  settle(outcome: Outcome): Promise<void>;
  /** The call came to nothing that would be the same again: the key is free. */
  release(): Promise<void>;
}>;

export type Begun = Readonly<{ kind: "run"; claim: Claim } | { kind: "replay"; outcome: Outcome }>;

export type Idempotency = Readonly<{
  /** @throws IdempotencyError */
  begin(call: KeyedCall): Promise<Begun>;
  /** Waits a little for outcomes that are still being written, and stops. */
  close(): Promise<void>;
}>;

export type IdempotencyOptions = Readonly<{
  db: Kysely<Database>;
  log: Log;
  /** In [0, 1); spreads what replicas do. */
  random?: () => number;
  /** How long a call waits for its outcome to be kept before its caller gets it all the same. */
  patienceMs?: number;
}>;

const CLOSE_MS = 2_000;
/** A key may be freed between the claim that failed and the look at who has it. */
const MOST_CLAIMS = 3;

export function createIdempotency(options: IdempotencyOptions): Idempotency {
  const { db, log, random = Math.random, patienceMs = 1_000 } = options;
  const keys = new Keys({ db, log, random, patienceMs });
  const sweeper = startKeySweeper({ db, log, random });
  return {
    begin: (call) => keys.begin(call),
    async close() {
      sweeper.stop();
      await keys.close();
    },
  };
}

class Keys {
  readonly #options: Required<IdempotencyOptions>;
  readonly #stopping = new AbortController();
  readonly #writing = new Set<Promise<void>>();
  #failures = 0;

  constructor(options: Required<IdempotencyOptions>) {
    this.#options = options;
  }

  async begin({ scope, key, bodyHash, leaseMs }: KeyedCall): Promise<Begun> {
    const claim = { scope, keyHash: createHash("sha256").update(key).digest(), claimId: randomUUID() };
    const endsAtMs = performance.now() + leaseMs;
    const holder = await this.#claim(claim, bodyHash, leaseMs);
    return holder === undefined
      ? { kind: "run", claim: this.#claimed(claim, endsAtMs) }
      : replay(holder, bodyHash);
  }

  async close(): Promise<void> {
    await Promise.race([Promise.all(this.#writing), sleep(CLOSE_MS, undefined, { ref: false })]);
    this.#stopping.abort();
  }

  /** Who has the key; undefined: we do. */
  async #claim(claim: ClaimId, bodyHash: Uint8Array, leaseMs: number): Promise<StoredKey | undefined> {
    const { db } = this.#options;
    try {
      for (let claims = 1; claims <= MOST_CLAIMS; claims += 1) {
        const isOurs = await claimKey(db, claim, bodyHash, leaseMs);
        this.#failures = 0;
        if (isOurs) return undefined;
        const holder = await findKey(db, claim);
        if (holder !== undefined) return holder;
      }
    } catch (error) {
      this.#reportAway(error);
      if (!isServerAnswer(error)) releaseKey(db, claim).catch(() => undefined); // it may have got through
      throw new IdempotencyError("IDEMPOTENCY_STORE_UNAVAILABLE");
    }
    throw new IdempotencyError("IDEMPOTENCY_IN_FLIGHT"); // it goes from hand to hand
  }

  #claimed(claim: ClaimId, endsAtMs: number): Claim {
    const { db, patienceMs } = this.#options;
    let isOver = false;
    const end = async (write: () => Promise<boolean>): Promise<void> => {
      if (isOver) return;
      isOver = true;
      const written = this.#write(write, endsAtMs);
      this.#writing.add(written);
      written.finally(() => this.#writing.delete(written));
      await Promise.race([written, sleep(patienceMs, undefined, { ref: false })]);
    };
    return {
      settle: ({ state, bytes }) =>
        end(() => settleKey(db, claim, { state, outcome: bytes, keptMs: KEPT_MS })),
      release: () => end(() => releaseKey(db, claim).then(() => true)),
    };
  }

  /** Again and again while the database is away, as long as the claim holds. Never rejects. */
  async #write(write: () => Promise<boolean>, endsAtMs: number): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      try {
        if (!(await write())) this.#options.log.warn("An idempotency key was lost before its call had ended");
        return;
      } catch (error) {
        if (isWorthALine(failures)) this.#reportUnwritten(error, failures);
        await backOff(failures, this.#options.random(), this.#stopping.signal);
        const isPointless = isRowAtFault(error) || performance.now() > endsAtMs;
        if (isPointless || this.#stopping.signal.aborted) return;
      }
    }
  }

  #reportAway(error: unknown): void {
    this.#failures += 1;
    if (!isWorthALine(this.#failures)) return;
    const fields = { ...failureFields(error), failures: this.#failures };
    this.#options.log.warn("Calls with an idempotency key are refused: their keys cannot be claimed", fields);
  }

  #reportUnwritten(error: unknown, failures: number): void {
    const fields = { ...failureFields(error), failures };
    this.#options.log.warn("The outcome of a call with an idempotency key cannot be written", fields);
  }
}

function replay({ state, outcome, bodyHash: ofFirst }: StoredKey, bodyHash: Uint8Array): Begun {
  if (!Buffer.from(ofFirst).equals(bodyHash)) throw new IdempotencyError("IDEMPOTENCY_KEY_REUSED");
  if (state === "in_flight" || outcome === undefined) throw new IdempotencyError("IDEMPOTENCY_IN_FLIGHT");
  return { kind: "replay", outcome: { state, bytes: outcome } };
}
