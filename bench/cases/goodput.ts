import { Agent, request } from "undici";
import type { Case, Context } from "../lib/context.ts";
import { type LoadRequest, loadWith, runH2loadCount } from "../lib/h2load.ts";
import { floodWithOha, hasOha } from "../lib/oha.ts";
import { openLoop } from "../lib/open-loop.ts";
import { differenceRow, type Row, ratioRow } from "../lib/results.ts";
import { checkSample } from "../lib/sample-check.ts";
import { percentile } from "../lib/stats.ts";
import { startSubject, TARGET } from "../lib/subject.ts";
import { chatOverHttp } from "../lib/workloads.ts";

const NAME = "goodput";
const TIMES_THE_PEAK = 3;
/** Of the service that may have few calls under way. */
const CALLS_AT_A_TIME = 16;
/** Of the flood: enough that none waits for one, whatever is refused. */
const FLOOD_CONNECTIONS = 512;
/** Beside the flood: how soon a caller hears that it is refused. */
const PROBES_PER_SECOND = 50;

type Way = Readonly<{
  what: string;
  /** Base URL of the provider. */
  upstream: string;
  /** Requests at a time that give the peak. */
  connections: number;
  warmUpCalls: number;
  env: Readonly<Record<string, string>>;
}>;

export const goodputCase: Case = {
  name: NAME,
  about:
    "three times as many requests as the service can answer: how many it answers, and how soon it refuses the others",
  async run(context) {
    if (!hasOha()) {
      context.skip(NAME, "the whole case", "needs oha; bench/README.md says how to build it");
      return [];
    }
    const short = {
      what: "",
      upstream: `${context.upstream}/short/v1`,
      connections: 64,
      warmUpCalls: 50_000,
      env: {},
    };
    const full = {
      what: `, ${CALLS_AT_A_TIME} at a time of 50 ms each`,
      upstream: `${context.paced}/late/v1`,
      connections: CALLS_AT_A_TIME,
      warmUpCalls: 10_000, // half a minute
      env: { MODELTIER_MAX_CALLS: String(CALLS_AT_A_TIME) },
    };
    return [...(await runWay(context, short)), ...(await runWay(context, full))];
  },
};

async function runWay(context: Context, way: Way): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const { upstream, connections, warmUpCalls, env } = way;
  const subject = await startSubject({ upstream, databaseUrl: await context.createDatabase(), env });
  stack.defer(() => subject.stop());
  const ask = chatOverHttp(`${subject.httpUrl}/v1`, { stream: false, model: TARGET });
  await checkSample(ask);
  await runH2loadCount(ask, { connections, streams: 1 }, warmUpCalls);
  return await measure(context, way, ask); // the service stays until then
}

async function measure(
  context: Context,
  { what, connections }: Way,
  ask: LoadRequest,
): Promise<readonly Row[]> {
  const { rounds, seconds } = context.options;
  const peaks: number[] = [];
  const answered: number[] = [];
  const probed: Probed[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { requestsPerSecond: peak } = await loadWith(ask, context.shape(connections, 1));
    const perSecond = Math.round(TIMES_THE_PEAK * peak);
    const [flood, probes] = await Promise.all([
      floodWithOha(ask, { perSecond, seconds, connections: FLOOD_CONNECTIONS }),
      probe(ask, seconds),
    ]);
    peaks.push(peak);
    answered.push(flood.answered / flood.seconds);
    if (probes !== undefined) probed.push(probes);
  }
  if (probed.length === 0) context.skip(NAME, `how soon a refusal is heard${what}`, "nothing was refused");
  const own = { case: NAME, subject: "Modeltier" };
  const answers = ratioRow({
    ...own,
    what: `answers at three times the peak's requests${what}`,
    reference: "its peak",
    figureUnit: "1/s",
    subjectValues: answered,
    referenceValues: peaks,
    target: { atLeast: 0.9 },
  });
  const refusals = differenceRow({
    ...own,
    what: `p99 until a refusal is heard${what}`,
    reference: "/healthz beside it",
    figureUnit: "ms",
    subjectValues: probed.map(({ refusedMs }) => refusedMs),
    referenceValues: probed.map(({ healthMs }) => healthMs),
    target: { atMost: 20 },
  });
  return probed.length === 0 ? [answers] : [answers, refusals];
}

/** At p99, from when each was due. */
type Probed = Readonly<{ refusedMs: number; healthMs: number }>;

/**
 * The load, the upstream and the database take their time from the probes as well. A health check beside each tells how much.
 * @returns undefined: nothing was refused. @throws Error for anything but an answer or 503
 */
async function probe(call: LoadRequest, seconds: number): Promise<Probed | undefined> {
  const dispatcher = new Agent({ connections: 128 });
  const send = async ({ url, body, headers }: LoadRequest, method: "GET" | "POST"): Promise<number> => {
    const answer = await request(url, { method, headers, body: Buffer.from(body), dispatcher });
    await answer.body.dump();
    if (answer.statusCode === 200 || answer.statusCode === 503) return answer.statusCode;
    throw new Error(`${url} answered ${answer.statusCode}`);
  };
  const refused: boolean[] = [];
  let next = 0;
  const askInTurn = async () => {
    const index = next++;
    refused[index] = (await send(call, "POST")) === 503;
  };
  const health = { ...call, url: new URL("/healthz", call.url).href, body: Buffer.alloc(0), headers: {} };
  const rate = { perSecond: PROBES_PER_SECOND, requests: PROBES_PER_SECOND * seconds };
  try {
    const [latencies, healthMs] = await Promise.all([
      openLoop({ ...rate, ask: askInTurn }),
      openLoop({ ...rate, ask: async () => void (await send(health, "GET")) }),
    ]);
    const refusedMs = latencies.filter((_, index) => refused[index]);
    if (refusedMs.length === 0) return undefined;
    return { refusedMs: percentile(refusedMs, 0.99), healthMs: percentile(healthMs, 0.99) };
  } finally {
    await dispatcher.destroy();
  }
}
