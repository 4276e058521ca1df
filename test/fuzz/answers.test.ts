/** R18: recorded answers of every dialect, spoilt at random, end in one outcome: a good answer or one of the failure classes. */
import { expect, it } from "vitest";
import { checkSeeds, fuzz } from "./part.ts";
import { answersPart } from "./parts/answers.ts";

/** The same ones every time: a new one is a run of `npm run fuzz`. */
const SEED = 1;

it("R18 spoilt answers of providers end once: finished, or failed in a known class", async () => {
  const part = answersPart();
  await checkSeeds(part);
  await fuzz(part, { seed: SEED, size: 2_000 });
  expect(part.outcomes?.get("streamed, ok")).toBeGreaterThan(0);
  expect(part.outcomes?.get("streamed, protocol")).toBeGreaterThan(0);
}, 600_000);
