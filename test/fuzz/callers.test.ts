/** R18: what callers send, spoilt, at the real service. Whatever it is, the process lives and serves the next caller; all in short. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkSeeds, fuzz, type Part } from "./part.ts";
import { configPart } from "./parts/config.ts";
import { connectPart } from "./parts/connect.ts";
import { framesPart } from "./parts/frames.ts";
import { httpPart } from "./parts/http.ts";
import { recordConversation } from "./recorded-http2.ts";
import { Target } from "./target.ts";

/** The same ones every time, and none in which a budget for everybody refuses all that comes after; a new one is a run of `npm run fuzz`. */
const SEED = 2;
/** A failure takes its time until it is small. */
const LONGEST_MS = 600_000;

/** What failed once, and then so many inputs; afterwards each of these outcomes was there, so that neither all was refused nor nothing. */
async function check<Input>(part: Part<Input>, size: number, seen: readonly string[]): Promise<void> {
  await checkSeeds(part);
  await fuzz(part, { seed: SEED, size });
  for (const outcome of seen) expect([...(part.outcomes?.keys() ?? [])]).toContain(outcome);
}

const target = new Target();
beforeAll(() => target.service());
afterAll(() => target.stop());

it(
  "R18 HTTP/2 frames of any kind at both ports: the service goes on",
  async () => {
    const part = framesPart(target, await recordConversation());
    await check(part, 3_000, ["gRPC answered", "gRPC closed", "HTTP closed"]);
  },
  LONGEST_MS,
);

it(
  "R18 HTTP/1.1 of any kind: the service goes on",
  async () => {
    await check(httpPart(target), 500, ["200", "400"]);
  },
  LONGEST_MS,
);

it(
  "R18 configuration files are read, or refused by the place that is wrong; what is valid decides",
  async () => {
    await check(await configPart(target), 60, [
      "published, decided",
      "refused as a configuration",
      "refused as a file",
    ]);
  },
  LONGEST_MS,
);

it(
  "R18 the JSON of every RPC is answered, or refused by the field that is wrong",
  async () => {
    await check(await connectPart(target), 600, ["Route ok", "Complete ok", "Route invalid_argument"]);
  },
  LONGEST_MS,
);
