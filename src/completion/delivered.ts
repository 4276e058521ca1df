/** The content that a caller was given, kept to hold the next attempt against should this one break off. */
import type { ContentEvent } from "./events.ts";
import { isSeal, OutputMeter } from "./usage.ts";

type Batch = readonly ContentEvent[];

/** Pieces that are kept as they came; a long answer in tokens would take twenty times its text. */
const MOST_PIECES = 256;

export class Delivered {
  /** Oldest first, neighbours of a kind joined. */
  readonly #joined: Batch[] = [];
  readonly #joinedMeter = new OutputMeter();
  #recent: Batch[] = [];
  #recentPieces = 0;

  get isEmpty(): boolean {
    return this.#joined.length === 0 && this.#recent.length === 0;
  }

  /** About how many tokens it is. */
  get tokens(): number {
    const meter = new OutputMeter();
    meter.pieces = this.#joinedMeter.pieces;
    meter.characters = this.#joinedMeter.characters;
    measure(meter, this.#recent);
    return meter.outputTokens;
  }

  /** All of it, in order. */
  get batches(): readonly Batch[] {
    return [...this.#joined, ...this.#recent];
  }

  add(batch: Batch): void {
    if (batch.length === 0) return;
    this.#recent.push(batch);
    this.#recentPieces += batch.length;
    if (this.#recentPieces < MOST_PIECES) return;
    measure(this.#joinedMeter, this.#recent);
    this.#joined.push(joinNeighbours(this.#recent.flat()));
    this.#recent = [];
    this.#recentPieces = 0;
  }
}

function measure(meter: OutputMeter, batches: readonly Batch[]): void {
  for (const batch of batches) for (const event of batch) meter.add(event);
}

/** Fewer, longer pieces that say the same. */
function joinNeighbours(events: Batch): Batch {
  const runs: ContentEvent[][] = [];
  for (const event of events) {
    const run = runs.at(-1);
    if (run?.[0] !== undefined && goOn(run[0], event)) run.push(event);
    else runs.push([event]);
  }
  return runs.map(join);
}

function goOn(first: ContentEvent, next: ContentEvent): boolean {
  if (first.kind !== next.kind || isSeal(first) || isSeal(next)) return false;
  return (
    first.kind !== "tool_call" || (next.kind === "tool_call" && first.index === next.index && !isHead(next))
  );
}

const isHead = (event: Extract<ContentEvent, { kind: "tool_call" }>): boolean =>
  event.name !== undefined || event.id !== undefined;

/** `join` of the array makes a string of its own; `+` would keep every piece. */
function join(run: readonly ContentEvent[]): ContentEvent {
  const first = run[0] as ContentEvent;
  const text = run.map((event) => (event.kind === "tool_call" ? event.argumentsJson : event.text)).join("");
  return first.kind === "tool_call" ? { ...first, argumentsJson: text } : { ...first, text };
}
