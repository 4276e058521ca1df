import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { createMemoryLog } from "../../test/support/memory-log.ts";
import type { SealedPrompt } from "../store/stored-prompts.ts";
import { readContent } from "./content.ts";
import {
  type EndedPrompt,
  MOST_CHARACTERS,
  PromptKeeper,
  type PromptKeeperOptions,
  type PromptLoss,
} from "./prompt-keeper.ts";
import { PromptSeal } from "./seal.ts";

const seal = new PromptSeal({ key: Buffer.alloc(32, 3), oldKeys: [], randomBytes });
const DOWN = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

const ended = (executionId: string, text = "hello"): EndedPrompt => ({
  executionId,
  agentId: "agent",
  keyId: "key",
  messages: [{ role: "user", parts: [{ kind: "text", text }] }],
});

function keeperWith(options: Partial<PromptKeeperOptions> = {}) {
  const log = createMemoryLog();
  const written: SealedPrompt[] = [];
  const losses: PromptLoss[] = [];
  const database = { isDown: false };
  const keeper = new PromptKeeper({
    seal,
    insert: async (prompt) => {
      if (database.isDown) throw DOWN;
      written.push(prompt);
    },
    ttlMs: 3_600_000,
    onLoss: (loss) => losses.push(loss),
    nowMs: () => performance.now(),
    random: () => 0,
    log,
    ...options,
  });
  return { keeper, log, written, losses, database };
}

const idsOf = (written: readonly SealedPrompt[]) => written.map(({ executionId }) => executionId);

it("takes texts without doing anything in the call's own turn, and writes them sealed", async () => {
  const { keeper, written } = keeperWith();
  keeper.keep(ended("e1"));
  expect(written).toEqual([]);
  expect(await keeper.settled(5_000)).toBe(true);
  const [prompt] = written;
  if (prompt === undefined) throw new Error("nothing was written");
  expect(Buffer.from(prompt.sealed).includes("hello")).toBe(false);
  const opened = seal.open(prompt.sealed, prompt.sealingKeyId, { executionId: "e1", keyId: "key" });
  expect(readContent(opened).messages).toEqual([{ role: "user", parts: [{ kind: "text", text: "hello" }] }]);
});

it("keeps what the database does not take until it does, and says so in a line", async () => {
  const { keeper, written, database, log } = keeperWith();
  database.isDown = true;
  for (const id of ["e1", "e2", "e3"]) keeper.keep(ended(id, "a secret thought"));
  expect(await keeper.settled(300)).toBe(false);
  expect(log.lines[0]).toMatchObject({ level: "warn", fields: { code: "ECONNREFUSED", failures: 1 } });
  expect(JSON.stringify(log.lines)).not.toContain("thought");
  database.isDown = false;
  expect(await keeper.settled(10_000)).toBe(true);
  expect(idsOf(written).sort()).toEqual(["e1", "e2", "e3"]);
});

it("lets no more wait than it may, and counts what has no room", async () => {
  const { keeper, written, database, losses } = keeperWith({ capBytes: 4_000 });
  database.isDown = true;
  for (let call = 1; call <= 10; call += 1) keeper.keep(ended(`e${call}`, "x".repeat(1_000)));
  await keeper.settled(0);
  expect(losses).toEqual(Array(7).fill("no_room"));
  database.isDown = false;
  expect(await keeper.settled(10_000)).toBe(true);
  expect(written).toHaveLength(3);
  keeper.keep(ended("later", "x".repeat(1_000)));
  expect(await keeper.settled(5_000)).toBe(true);
  expect(idsOf(written)).toContain("later");
});

it("does not store what would take long to seal", async () => {
  const { keeper, written, losses } = keeperWith();
  keeper.keep(ended("long", "x".repeat(MOST_CHARACTERS)));
  expect(await keeper.settled(5_000)).toBe(true);
  expect([written, losses]).toEqual([[], ["too_large"]]);
});

it("does not write what has expired while it waited", async () => {
  let nowMs = 0;
  const { keeper, written, database, losses } = keeperWith({ ttlMs: 1_000, nowMs: () => nowMs });
  database.isDown = true;
  keeper.keep(ended("old"));
  nowMs = 900;
  keeper.keep(ended("young"));
  const settled = keeper.settled(Number.POSITIVE_INFINITY);
  nowMs = 1_500;
  database.isDown = false;
  expect(await settled).toBe(true);
  expect(idsOf(written)).toEqual(["young"]);
  expect(losses).toEqual(["expired"]);
});

it("lets a text go that the database refuses, and writes the others", async () => {
  const written: string[] = [];
  const { keeper, losses } = keeperWith({
    insert: async ({ executionId }) => {
      if (executionId === "poison") throw new TypeError("cannot be written");
      written.push(executionId);
    },
  });
  for (const id of ["e1", "poison", "e2"]) keeper.keep(ended(id));
  expect(await keeper.settled(5_000)).toBe(true);
  expect(written.sort()).toEqual(["e1", "e2"]);
  expect(losses).toEqual(["refused"]);
});

it("writes at its end what waits, and counts what it has to leave", async () => {
  const here = keeperWith();
  here.keeper.keep(ended("last"));
  await here.keeper.close();
  expect(idsOf(here.written)).toEqual(["last"]);
  const away = keeperWith();
  away.database.isDown = true;
  away.keeper.keep(ended("left"));
  await away.keeper.close();
  expect(away.losses).toEqual(["process_ended"]);
});
