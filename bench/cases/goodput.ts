import { Agent, request } from "undici";
import type { Case, Context } from "../lib/context.ts";
import { type LoadRequest, loadWith, runH2loadCount } from "../lib/h2load.ts";
import { floodWithOha, hasOha } from "../lib/oha.ts";
import { openLoop } from "../lib/open-loop.ts";
import { figureRow, type Row, ratioRow } from "../lib/results.ts";
import { checkSample } from "../lib/sample-check.ts";
import { percentile } from "../lib/stats.ts";
import { startSubject, TARGET } from "../lib/subject.ts";
import { chatOverHttp } from "../lib/workloads.ts";

const NAME = "goodput";
const TIMES_THE_PEAK = 3;
const CONNECTIONS = 64;
/** Of the flood: enough that none waits for one, whatever is refused. */
const FLOOD_CONNECTIONS = 512;
const WARM_UP_CALLS = 50_000;
/** Beside the flood: how soon a caller hears that it is refused. */
const PROBES_PER_SECOND = 50;

export const goodputCase: Case = {
  name: NAME,
  about:
    "three times as many requests as the service can answer: how many it answers, and how soon it refuses the others",
  async run(context) {
    if (!hasOha()) {
      context.skip(NAME, "the whole case", "needs oha; bench/README.md says how to build it");
      return [];
    }
    await using stack = new AsyncDisposableStack();
    const upstream = `${context.upstream}/short/v1`;
    const subject = await startSubject({ upstream, databaseUrl: await context.createDatabase() });
    stack.defer(() => subject.stop());
    const ask = chatOverHttp(`${subject.httpUrl}/v1`, { stream: false, model: TARGET });
    await checkSample(ask);
    await runH2loadCount(ask, { connections: CONNECTIONS, streams: 1 }, WARM_UP_CALLS);
    return await measure(context, ask); // the service stays until then
  },
};

async function measure(context: Context, ask: LoadRequest): Promise<readonly Row[]> {
  const { rounds, seconds } = context.options;
  const peaks: number[] = [];
  const answered: number[] = [];
  const refusedMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { requestsPerSecond: peak } = await loadWith(ask, context.shape(CONNECTIONS, 1));
    const perSecond = Math.round(TIMES_THE_PEAK * peak);
    const [flood, probes] = await Promise.all([
      floodWithOha(ask, { perSecond, seconds, connections: FLOOD_CONNECTIONS }),
      probe(ask, seconds),
    ]);
    peaks.push(peak);
    answered.push(flood.answered / flood.seconds);
    if (probes.length > 0) refusedMs.push(percentile(probes, 0.99));
  }
  const own = { case: NAME, subject: "Modeltier" };
  if (refusedMs.length === 0) context.skip(NAME, "how soon a refusal is heard", "nothing was refused");
  const refusals = figureRow({
    ...own,
    what: "p99 until a refusal is heard",
    figureUnit: "ms",
    subjectValues: refusedMs,
    target: { atMost: 20 },
  });
  return [
    ratioRow({
      ...own,
      what: "answers at three times the peak's requests",
      reference: "its peak",
      figureUnit: "1/s",
      subjectValues: answered,
      referenceValues: peaks,
      target: { atLeast: 0.9 },
    }),
    ...(refusedMs.length === 0 ? [] : [refusals]),
  ];
}

/** @returns the latencies of those that were refused, in ms, from when each was due. @throws Error for anything but an answer or 503 */
async function probe({ url, body, headers }: LoadRequest, seconds: number): Promise<readonly number[]> {
  const dispatcher = new Agent({ connections: 128 });
  const refused: boolean[] = [];
  let next = 0;
  const ask = async () => {
    const index = next++;
    const answer = await request(url, { method: "POST", headers, body: Buffer.from(body), dispatcher });
    await answer.body.dump();
    if (answer.statusCode !== 200 && answer.statusCode !== 503) {
      throw new Error(`${url} answered ${answer.statusCode}`);
    }
    refused[index] = answer.statusCode === 503;
  };
  try {
    const requests = PROBES_PER_SECOND * seconds;
    const latencies = await openLoop({ perSecond: PROBES_PER_SECOND, requests, ask });
    return latencies.filter((_, index) => refused[index]);
  } finally {
    await dispatcher.destroy();
  }
}
