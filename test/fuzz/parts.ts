/** All that is fuzzed, and how much of each. */
import { METHODS } from "../support/access.ts";
import type { Part } from "./part.ts";
import { answersPart } from "./parts/answers.ts";
import { configPart } from "./parts/config.ts";
import { connectPart } from "./parts/connect.ts";
import { framesPart } from "./parts/frames.ts";
import { httpPart } from "./parts/http.ts";
import { recordConversation } from "./recorded-http2.ts";
import { Target } from "./target.ts";

/** Of `npm run fuzz`. */
const WHOLE = {
  frames: 1_000_000,
  http: 100_000,
  connect: 1_000 * METHODS.length,
  config: 10_000,
  answers: 100_000,
} as const;
export type PartName = keyof typeof WHOLE;
export const PART_NAMES = Object.keys(WHOLE) as readonly PartName[];

const MAKE: Readonly<Record<PartName, (target: Target) => Promise<Part<never>> | Part<never>>> = {
  frames: async (target) => framesPart(target, await recordConversation()) as Part<never>,
  http: (target) => httpPart(target) as Part<never>,
  connect: async (target) => (await connectPart(target)) as Part<never>,
  config: async (target) => (await configPart(target)) as Part<never>,
  answers: () => answersPart() as Part<never>,
};

/** @param run is given each part, one after the other, against a service of its own, and the size of its whole run */
export async function withParts(
  names: readonly PartName[],
  run: (part: Part<unknown>, size: number) => Promise<void>,
): Promise<void> {
  for (const name of names) {
    const target = new Target();
    try {
      await run((await MAKE[name](target)) as Part<unknown>, WHOLE[name]);
    } finally {
      await target.stop();
    }
  }
}
