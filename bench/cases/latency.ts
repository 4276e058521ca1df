import { Agent, request } from "undici";
import type { Case, Context } from "../lib/context.ts";
import { type LoadRequest, runH2loadCount } from "../lib/h2load.ts";
import { hasOha, type Latencies, runOha } from "../lib/oha.ts";
import { openLoop } from "../lib/open-loop.ts";
import { differenceRow, type Row, type Target } from "../lib/results.ts";
import { checkSample } from "../lib/sample-check.ts";
import { percentile } from "../lib/stats.ts";
import { startSubject, TARGET } from "../lib/subject.ts";
import { chatOverHttp } from "../lib/workloads.ts";

const NAME = "latency";
const PER_SECOND = 100;
const CONNECTIONS = 32;
/** Compiles the service's code, which a hundred requests a second would take ten minutes for. */
const WARM_UP_CALLS = 50_000;
const WARM_UP_SHAPE = { connections: 128, streams: 1 } as const;
/** Compiles the bench's own client. */
const WARM_UP_SECONDS = 3;
const MOST_ADDED: Readonly<Record<keyof Latencies, number>> = { p50Ms: 0.7, p99Ms: 2.3 };

type Way = Readonly<{
  what: string;
  path: string;
  stream: boolean;
  measure: (request: LoadRequest, seconds: number) => Promise<Latencies>;
}>;

export const latencyCase: Case = {
  name: NAME,
  about:
    "what the service adds to an upstream of 50 ms at 100 requests a second: whole answer and first token",
  async run(context) {
    const rows: Row[] = [];
    if (!hasOha())
      context.say("oha is not there (bench/README.md says how to build it): the bench's own client measures");
    const whole = hasOha() ? measureWithOha : measureOwn("end");
    for (const way of [
      { what: "whole answer", path: "late", stream: false, measure: whole },
      { what: "first token", path: "late-token", stream: true, measure: measureOwn("token") },
    ])
      rows.push(...(await runWay(context, way)));
    return rows;
  },
};

async function runWay(context: Context, way: Way): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const upstream = `${context.paced}/${way.path}/v1`;
  const subject = await startSubject({ upstream, databaseUrl: await context.createDatabase() });
  stack.defer(() => subject.stop());
  const through = chatOverHttp(`${subject.httpUrl}/v1`, { stream: way.stream, model: TARGET });
  const direct = chatOverHttp(upstream, { stream: way.stream, model: "gpt-4o-mini" });
  const measured: { through: Latencies; direct: Latencies }[] = [];
  await checkSample(through);
  await runH2loadCount(through, WARM_UP_SHAPE, WARM_UP_CALLS);
  for (const request of [through, direct]) await way.measure(request, WARM_UP_SECONDS);
  for (let round = 0; round < context.options.rounds; round += 1) {
    const first = round % 2 === 0 ? through : direct;
    const one = await way.measure(first, context.options.seconds);
    const other = await way.measure(first === through ? direct : through, context.options.seconds);
    measured.push(first === through ? { through: one, direct: other } : { through: other, direct: one });
  }
  return (["p50Ms", "p99Ms"] as const).map((percent) =>
    differenceRow({
      case: NAME,
      what: `${way.what}, ${percent.slice(0, 3)} added`,
      subject: "Modeltier",
      reference: "the upstream itself",
      figureUnit: "ms",
      subjectValues: measured.map((round) => round.through[percent]),
      referenceValues: measured.map((round) => round.direct[percent]),
      target: { atMost: MOST_ADDED[percent] } satisfies Target,
    }),
  );
}

const measureWithOha = (request: LoadRequest, seconds: number): Promise<Latencies> =>
  runOha(request, { perSecond: PER_SECOND, seconds, connections: CONNECTIONS });

/** A piece of content that is not empty: the role alone is no token. */
const TOKEN = /"content":"[^"]/;

/** @param until the moment that ends the wait: the first token, or the end of the answer */
const measureOwn =
  (until: "token" | "end") =>
  async ({ url, body, headers }: LoadRequest, seconds: number): Promise<Latencies> => {
    const dispatcher = new Agent({ connections: CONNECTIONS });
    const ask = async () => {
      const answer = await request(url, { method: "POST", headers, body: Buffer.from(body), dispatcher });
      if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`);
      const { promise: first, resolve } = Promise.withResolvers<void>();
      let text = "";
      answer.body.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        if (TOKEN.test(text)) resolve();
      });
      const ended = new Promise<void>((done, fail) => answer.body.once("end", done).once("error", fail));
      if (until === "end") return ended;
      ended.catch(() => undefined);
      return Promise.race([first, ended]);
    };
    try {
      const latencies = await openLoop({ perSecond: PER_SECOND, requests: PER_SECOND * seconds, ask });
      return { p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
    } finally {
      await dispatcher.destroy();
    }
  };
