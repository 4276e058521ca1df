import type { CompletionEvent, ReasoningBlock } from "../providers/provider.ts";

type Piece = Omit<Extract<CompletionEvent, { kind: "reasoning" }>, "kind">;

/** Puts an answer's reasoning together from its pieces, so that it can be given back. */
export class ReasoningBlocks {
  readonly #ended: ReasoningBlock[] = [];
  #open = "";

  /** A signature ends the block that is open; encrypted reasoning is a block of its own. */
  add({ text, signature, encrypted }: Piece): void {
    this.#open += text;
    if (signature !== undefined) {
      this.#ended.push({ text: this.#open, signature });
      this.#open = "";
    } else if (encrypted !== undefined) {
      this.#endUnsigned();
      this.#ended.push({ text: "", encrypted });
    }
  }

  /** In order. What no signature has ended is one block. */
  get all(): readonly ReasoningBlock[] {
    return this.#open === "" ? this.#ended : [...this.#ended, { text: this.#open }];
  }

  /** All that can be read. */
  get text(): string {
    return this.all.map(({ text }) => text).join("");
  }

  #endUnsigned(): void {
    if (this.#open !== "") this.#ended.push({ text: this.#open });
    this.#open = "";
  }
}
