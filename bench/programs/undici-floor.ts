/** undici alone: `<url> <at once> <seconds>`; prints the answers a second that one core reads from the upstream. */
import { Agent, request } from "undici";
import { ANSWER_BODY } from "./undici-ask.ts";

const [url = "", atOnce, seconds] = process.argv.slice(2);
const dispatcher = new Agent({ connections: Number(atOnce) });
const WARM_UP = 0.25;
const startMs = performance.now();
const warmMs = startMs + Number(seconds) * 1_000 * WARM_UP;
const endMs = startMs + Number(seconds) * 1_000;
let answers = 0;

async function keepAsking(): Promise<void> {
  for (let now = performance.now(); now < endMs; now = performance.now()) {
    const { body } = await request(url, { ...ANSWER_BODY, dispatcher });
    await body.text();
    if (now > warmMs) answers += 1;
  }
}

await Promise.all(Array.from({ length: Number(atOnce) }, keepAsking));
process.stdout.write(`${answers / ((performance.now() - warmMs) / 1_000)}\n`);
process.exit(0);
