/**
 * Stores texts behind their calls. What waits for the database waits in memory, sealed and bounded: the record of what a call cost goes
 * by a way of its own and never waits for this, and a text that is lost is no record lost.
 */
import { setTimeout as sleep, setImmediate as tick } from "node:timers/promises";
import type { ChatMessage } from "../providers/provider.ts";
import { failureFields, isRowAtFault } from "../store/failure.ts";
import { backOff, isWorthALine } from "../store/retry.ts";
import type { SealedPrompt } from "../store/stored-prompts.ts";
import type { Log } from "../telemetry/log.ts";
import { contentOf, type StoredAnswer, writeContent } from "./content.ts";
import type { PromptSeal } from "./seal.ts";

/** The texts of a call that has ended. */
export type EndedPrompt = Readonly<{
  executionId: string;
  agentId: string;
  /** "": callers are not told apart. */
  keyId: string;
  messages: readonly ChatMessage[];
  /** Absent: nothing of one came. */
  answer?: StoredAnswer;
}>;

/** Why texts are not stored although they should be. */
export type PromptLoss = "too_large" | "no_room" | "expired" | "refused" | "process_ended";

export type PromptKeeperOptions = Readonly<{
  seal: Pick<PromptSeal, "close">;
  /** Writes one, `ageMs` after its call ended. */
  insert: (prompt: SealedPrompt, ageMs: number) => Promise<void>;
  ttlMs: number;
  onLoss: (loss: PromptLoss) => void;
  nowMs: () => number;
  /** In [0, 1); spreads what replicas do. */
  random: () => number;
  log: Log;
  /** The most that may wait, sealed. */
  capBytes?: number;
}>;

/** Some hundred thousand tokens. Sealing more would hold other calls up. */
export const MOST_CHARACTERS = 2 * 1024 * 1024;
const CAP_BYTES = 16 * 1024 * 1024;
/** Writes under way at a time: calls wait for other connections of the same pool. */
const AT_ONCE = 2;
const CLOSE_MS = 2_000;
const LOOK_MS = 5;

/** Oldest first, by number. */
type Waiting = Readonly<{ number: number; prompt: SealedPrompt; endedMs: number }>;

export class PromptKeeper {
  readonly #options: PromptKeeperOptions;
  readonly #stopping = new AbortController();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #number = 0;
  #losses = 0;
  #isWriting = false;

  constructor(options: PromptKeeperOptions) {
    this.#options = options;
  }

  /** Takes the texts and returns at once. */
  keep(prompt: EndedPrompt): void {
    const endedMs = this.#options.nowMs();
    setImmediate(() => this.#seal(prompt, endedMs));
  }

  /** Waits until nothing that was kept before waits any more. @returns false when it still does */
  async settled(withinMs: number): Promise<boolean> {
    await tick(); // those that are not sealed yet come before
    const last = this.#number;
    const untilMs = this.#options.nowMs() + withinMs;
    while ((this.#waiting[0]?.number ?? Infinity) <= last) {
      if (this.#options.nowMs() > untilMs) return false;
      await sleep(LOOK_MS);
    }
    return true;
  }

  /** Gives what waits a moment, and stops. */
  async close(): Promise<void> {
    if (await this.settled(CLOSE_MS)) return;
    this.#stopping.abort();
    for (const _ of this.#waiting) this.#lose("process_ended");
    this.#waiting = [];
  }

  #seal({ executionId, agentId, keyId, messages, answer }: EndedPrompt, endedMs: number): void {
    const { seal, capBytes = CAP_BYTES } = this.#options;
    const text = writeContent(contentOf(messages, answer));
    if (text.length > MOST_CHARACTERS) {
      this.#lose("too_large");
      return;
    }
    const sealed = seal.close(text, { executionId, keyId });
    const { byteLength } = sealed.sealed;
    if (this.#waitingBytes + byteLength > capBytes) {
      this.#lose("no_room");
      return;
    }
    // Text of the database holds no NUL; executions are written without it, too.
    const prompt = { executionId, agentId: agentId.replaceAll("\u0000", ""), keyId, ...sealed };
    this.#number += 1;
    this.#waiting.push({ number: this.#number, prompt, endedMs });
    this.#waitingBytes += byteLength;
    if (!this.#isWriting) void this.#writeAll();
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    let failures = 0;
    while (this.#waiting.length > 0 && !this.#stopping.signal.aborted) {
      const batch = this.#waiting.slice(0, AT_ONCE);
      const errors = await Promise.all(batch.map((one) => this.#write(one)));
      const failed = errors.filter((error) => error !== undefined);
      failures = failed.length === 0 ? 0 : failures + 1;
      if (failures === 0) continue;
      if (isWorthALine(failures)) {
        const fields = { ...failureFields(failed[0]), failures, waiting: this.#waiting.length };
        this.#options.log.warn("The texts of calls cannot be stored", fields);
      }
      await backOff(failures, this.#options.random(), this.#stopping.signal);
    }
    this.#isWriting = false;
  }

  /** @returns why it has to be written again; undefined: it has not */
  async #write(one: Waiting): Promise<unknown> {
    const { nowMs, insert, ttlMs } = this.#options;
    const ageMs = nowMs() - one.endedMs;
    try {
      if (ageMs < ttlMs) await insert(one.prompt, ageMs);
      else this.#lose("expired");
    } catch (error) {
      if (!isRowAtFault(error)) return error;
      this.#lose("refused");
    }
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
    this.#waitingBytes -= one.prompt.sealed.byteLength;
    return undefined;
  }

  #lose(loss: PromptLoss): void {
    this.#losses += 1;
    this.#options.onLoss(loss);
    if (!isWorthALine(this.#losses)) return;
    this.#options.log.warn("The texts of a call are not stored", { loss, losses: this.#losses });
  }
}
