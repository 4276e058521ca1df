import { describe, expect, it } from "vitest";
import { ReasoningBlocks } from "./reasoning-blocks.ts";

describe("an answer's reasoning", () => {
  it("ends a block with each signature, has encrypted ones between, and the rest as one", () => {
    const blocks = new ReasoningBlocks();
    for (const piece of [
      { text: "Let " },
      { text: "me see." },
      { text: "", signature: "one" },
      { text: "", signature: "of nothing shown" },
      { text: "Hm" },
      { text: "", encrypted: "secret" },
      { text: "So" },
    ]) {
      blocks.add(piece);
    }
    expect(blocks.all).toEqual([
      { text: "Let me see.", signature: "one" },
      { text: "", signature: "of nothing shown" },
      { text: "Hm" },
      { text: "", encrypted: "secret" },
      { text: "So" },
    ]);
    expect(blocks.text).toBe("Let me see.HmSo");
  });

  it("is nothing where there is none", () => {
    expect(new ReasoningBlocks().all).toEqual([]);
  });
});
