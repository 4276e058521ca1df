import { DIRECT, directContender, hold, peerContender, present, tryPortkey } from "../lib/contest.ts";
import type { Case, Context } from "../lib/context.ts";
import { startFrameCounter } from "../lib/frame-counter.ts";
import type { Peer } from "../lib/peers.ts";
import { figureRow, type Row } from "../lib/results.ts";
import { throughput } from "../lib/rounds.ts";
import { checkSample } from "../lib/sample-check.ts";
import { startSubject } from "../lib/subject.ts";
import { completeOverGrpc } from "../lib/workloads.ts";

const NAME = "complete";

type Pace = Readonly<{
  what: string;
  upstream: (context: Context) => string;
  /** Paced answers take time, so more of them must be under way before the server is busy. */
  atOnce: number;
  /** Most writes of one answer: one for each write of the upstream, the decision before them and the end after. */
  mostWrites?: number;
}>;

const PACES: readonly Pace[] = [
  { what: "100 tokens at once", upstream: ({ upstream }) => `${upstream}/long/v1`, atOnce: 64 },
  { what: "100 tokens, an event each", upstream: ({ paced }) => `${paced}/events/v1`, atOnce: 256 },
  {
    what: "100 tokens in 5 bursts",
    upstream: ({ paced }) => `${paced}/bursts/v1`,
    atOnce: 256,
    mostWrites: 7,
  },
];

export const completeCase: Case = {
  name: NAME,
  about:
    "Complete over native gRPC, 100 tokens, against Portkey's stream; how many writes an answer leaves in",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const portkey = await tryPortkey(context, NAME, stack);
    const rows: Row[] = [];
    for (const pace of PACES) rows.push(...(await runPace(context, pace, portkey)));
    return rows;
  },
};

async function runPace(context: Context, pace: Pace, portkey: Peer | undefined): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const { what, atOnce } = pace;
  const upstream = pace.upstream(context);
  const subject = await startSubject({ upstream, databaseUrl: await context.createDatabase() });
  stack.defer(() => subject.stop());
  const at = { case: NAME, what, upstream, stream: true, atOnce };
  const request = completeOverGrpc(subject.grpcUrl);
  const rows = await hold(
    {
      case: NAME,
      what,
      subject: await throughput("subject", request, context.shape(16, atOnce / 16), subject.pid),
      references: present([await peerContender(portkey, context, at), await directContender(context, at)]),
      comparisons: [{ reference: "Portkey", target: { atLeast: 3 } }, { reference: DIRECT }],
    },
    context,
  );
  return [...rows, ...(await countWrites(pace, subject.grpcUrl, context.options.rounds))];
}

async function countWrites(
  { what, mostWrites }: Pace,
  grpcUrl: string,
  rounds: number,
): Promise<readonly Row[]> {
  const counter = await startFrameCounter(grpcUrl);
  const counts = [];
  for (let round = 0; round < rounds; round += 1) {
    await checkSample(completeOverGrpc(counter.url));
    counts.push(counter.take());
  }
  counter.close();
  const own = { case: NAME, subject: "Modeltier", figureUnit: "/answer" };
  return [
    figureRow({
      ...own,
      what: `${what}, writes`,
      subjectValues: counts.map(({ writes }) => writes),
      ...(mostWrites === undefined ? {} : { target: { atMost: mostWrites } }),
    }),
    figureRow({
      ...own,
      what: `${what}, DATA frames`,
      subjectValues: counts.map(({ dataFrames }) => dataFrames),
    }),
  ];
}
