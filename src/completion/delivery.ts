/** When the content of an attempt goes to the caller: as it comes, or once the provider has said that it is whole. */
import type { Delivery } from "../routing/types.ts";
import { Delivered } from "./delivered.ts";
import type { ContentEvent, EngineEvent } from "./events.ts";
import { TranscriptCheck } from "./transcript.ts";

export type Deliverable = readonly EngineEvent[] | "diverged";
type Batch = readonly ContentEvent[];

export interface ContentDelivery {
  /** The caller has content of this answer. */
  readonly isCommitted: boolean;
  /** About how many tokens of it. */
  readonly deliveredTokens: number;
  /** A new attempt begins. */
  begin(attempt: number): void;
  /** What to send of the content that came; "diverged" when it cannot follow what was sent before. */
  accept(content: Batch): Deliverable;
  /** What to send now that the provider has ended its answer. */
  finish(): Deliverable;
}

const NOTHING: readonly EngineEvent[] = [];

export function createDelivery(delivery: Delivery, acceptRestart: boolean): ContentDelivery {
  return delivery === "ASSURED" ? new AssuredDelivery() : new LiveDelivery(acceptRestart);
}

/**
 * Commits with the first content. An attempt that follows one that was cut must first repeat, piece by piece, all that was
 * delivered; what it says beyond that goes on as if nothing had happened. When it says something else, a caller that
 * accepts it gets a `reset` and the new answer from its beginning, and any other gets no more.
 */
class LiveDelivery implements ContentDelivery {
  readonly #acceptRestart: boolean;
  /** Of the answer that stands: it is looked at again only after a failure. */
  #delivered = new Delivered();
  #attempt = 0;
  #check: TranscriptCheck | undefined;
  /** Of the attempt that is being held against what was delivered. */
  #unproved: Batch[] = [];

  constructor(acceptRestart: boolean) {
    this.#acceptRestart = acceptRestart;
  }

  get isCommitted(): boolean {
    return !this.#delivered.isEmpty;
  }

  get deliveredTokens(): number {
    return this.#delivered.tokens;
  }

  begin(attempt: number): void {
    this.#attempt = attempt;
    this.#unproved = [];
    this.#check = this.isCommitted ? new TranscriptCheck(this.#delivered.batches) : undefined;
  }

  accept(content: Batch): Deliverable {
    return this.#check === undefined ? this.#send(content) : this.#prove(this.#check, content);
  }

  finish(): Deliverable {
    return this.#check === undefined ? NOTHING : this.#restart();
  }

  #send(content: Batch): Batch {
    this.#delivered.add(content);
    return content;
  }

  #prove(check: TranscriptCheck, content: Batch): Deliverable {
    this.#unproved.push(content);
    const beyond = check.take(content);
    if (beyond === undefined) return this.#restart();
    if (!check.isRepeated) return NOTHING;
    this.#check = undefined;
    this.#unproved = [];
    return this.#send(beyond);
  }

  #restart(): Deliverable {
    if (!this.#acceptRestart) return "diverged";
    this.#check = undefined;
    const answer = this.#unproved;
    this.#unproved = [];
    this.#delivered = new Delivered();
    for (const batch of answer) this.#delivered.add(batch);
    return [{ kind: "reset", attempt: this.#attempt }, ...answer.flat()];
  }
}

/** Never commits before the end. */
class AssuredDelivery implements ContentDelivery {
  readonly isCommitted = false;
  readonly deliveredTokens = 0;
  #held: Batch[] = [];

  begin(): void {
    this.#held = [];
  }

  accept(content: Batch): Deliverable {
    this.#held.push(content);
    return NOTHING;
  }

  finish(): Deliverable {
    const [first = NOTHING] = this.#held;
    return this.#held.length > 1 ? this.#held.flat() : first;
  }
}
