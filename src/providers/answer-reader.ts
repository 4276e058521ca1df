/** What the dialects' readers of streamed answers have in common. */
import { type JsonRecord, parseRecord } from "./json.ts";
import type { CompletionEvent } from "./provider.ts";
import type { ResponseFailures } from "./response-failures.ts";
import type { ServerSentEvent } from "./sse.ts";

export type FinishEvent = Extract<CompletionEvent, { kind: "finish" }>;

/** Turns the events of one streamed answer into ours. One for each answer. */
export interface AnswerReader {
  /** The provider has said why it stopped; nothing but usage may follow. */
  readonly stopped: boolean;
  /**
   * Adds what the event means to `out`.
   * @returns true once the protocol's own terminal event has come
   * @throws ProviderError for an error inside the answer, or one that cannot be read on; what came before is in `out`
   */
  accept(event: ServerSentEvent, out: CompletionEvent[]): boolean;
  /**
   * The last event, asked for when the terminal event came or the body ended.
   * @throws ProviderError `truncated` when the provider has not finished its answer
   */
  finish(): FinishEvent;
}

/** Reads the JSON of events. One that is malformed is skipped and counted; with the second the answer is given up. */
export class FrameParser {
  readonly #failures: ResponseFailures;
  skippedFrames = 0;

  constructor(failures: ResponseFailures) {
    this.#failures = failures;
  }

  /** @returns undefined for a blank frame and for the one malformed frame that is forgiven */
  parse(data: string): JsonRecord | undefined {
    const frame = parseRecord(data);
    if (frame === undefined && data.trim() !== "") this.skip();
    return frame;
  }

  /** Counts a frame that makes no sense. */
  skip(): void {
    this.skippedFrames += 1;
    if (this.skippedFrames > 1) throw this.#failures.failed("protocol", "several malformed frames");
  }
}

/** No token is longer: even a run of blanks is cut below this. */
const LONGEST_TOKEN_CHARACTERS = 128;

/**
 * Stops an answer that runs on past twice what was asked for. Nobody tells the token count while an answer streams, so pieces
 * stand for tokens (providers send one to a few tokens a piece, hardly ever less than one), and characters bound large pieces.
 */
export class OutputMeter {
  readonly #failures: ResponseFailures;
  #piecesLeft: number;
  #charactersLeft: number;

  constructor(maxOutputTokens: number, failures: ResponseFailures) {
    this.#failures = failures;
    this.#piecesLeft = 2 * maxOutputTokens;
    this.#charactersLeft = this.#piecesLeft * LONGEST_TOKEN_CHARACTERS;
  }

  /** @throws ProviderError `output_limit` */
  add(piece: string): void {
    this.#piecesLeft -= 1;
    this.#charactersLeft -= piece.length;
    if (this.#piecesLeft < 0 || this.#charactersLeft < 0) {
      throw this.#failures.failed("output_limit", "more than twice the output that was asked for");
    }
  }
}
