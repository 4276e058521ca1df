import { setTimeout as sleep } from "node:timers/promises";
import type { Case, Context } from "../lib/context.ts";
import { loadWith } from "../lib/h2load.ts";
import { openIdleStreams } from "../lib/idle-streams.ts";
import { residentBytes } from "../lib/machine.ts";
import { figureRow, type Row } from "../lib/results.ts";
import { slope } from "../lib/stats.ts";
import { startSubject } from "../lib/subject.ts";
import { completeOnceOverGrpc, completeOverGrpc } from "../lib/workloads.ts";

const NAME = "memory";
const MB = 1024 * 1024;
const REST_MS = 15_000;
const MOST_STREAM_KB = 64;
/** Shorter loads grow while code is compiled and buffers find their size; their slope is shown and not judged. */
const JUDGED_MINUTES = 30;
const MOST_MB_PER_HOUR = 5;
/** Of the load, at its start, that is not part of the slope. */
const SETTLING = 1 / 3;

export const memoryCase: Case = {
  name: NAME,
  about: "resident memory at rest, of an idle stream, and its slope under load",
  run: async (context) => [
    await atRest(context),
    ...(await ofIdleStreams(context)),
    await underLoad(context),
  ],
};

const start = async (context: Context, upstream: string, env: Readonly<Record<string, string>> = {}) =>
  startSubject({ upstream, databaseUrl: await context.createDatabase(), env });

async function atRest(context: Context): Promise<Row> {
  const megabytes: number[] = [];
  for (let round = 0; round < context.options.rounds; round += 1) {
    const subject = await start(context, `${context.upstream}/short/v1`);
    await sleep(REST_MS);
    megabytes.push(residentBytes(subject.pid) / MB);
    await subject.stop();
  }
  return figureRow({
    case: NAME,
    what: "at rest, Postgres",
    subject: "Modeltier",
    figureUnit: "MB",
    subjectValues: megabytes,
    target: { atMost: 120 },
  });
}

/** No clock may end a stream that waits. */
const PATIENT = Object.fromEntries(
  ["HEADERS_TIMEOUT_MS", "FIRST_TOKEN_TIMEOUT_MS", "BYTE_SILENCE_MS", "CONTENT_SILENCE_MS"].map((name) => [
    `MODELTIER_${name}`,
    "900000",
  ]),
);

async function ofIdleStreams(context: Context): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const count = context.options.idleStreams;
  const subject = await start(context, `${context.paced}/never/v1`, PATIENT);
  stack.defer(() => subject.stop());
  await sleep(REST_MS);
  const before = residentBytes(subject.pid);
  const streams = await openIdleStreams(completeOverGrpc(subject.grpcUrl), count);
  stack.defer(() => streams.close());
  await sleep(REST_MS);
  const perStream = (residentBytes(subject.pid) - before) / count / 1024;
  const upstreamStreams = Number(await (await fetch(`${context.paced}/waiting`)).text());
  const own = { case: NAME, subject: "Modeltier" };
  const open = count - streams.ended();
  return [
    figureRow({
      ...own,
      what: `each of ${count} idle streams`,
      figureUnit: "KB",
      subjectValues: [perStream],
      target: { atMost: MOST_STREAM_KB },
      ...(open < count ? { note: `only ${open} still open` } : {}),
    }),
    figureRow({
      ...own,
      what: "idle streams that had reached the upstream",
      figureUnit: "streams",
      subjectValues: [upstreamStreams],
      target: { atLeast: count },
    }),
  ];
}

async function underLoad(context: Context): Promise<Row> {
  await using stack = new AsyncDisposableStack();
  const { soakMinutes } = context.options;
  const subject = await start(context, `${context.upstream}/short/v1`);
  stack.defer(() => subject.stop());
  const seconds = Math.round(soakMinutes * 60);
  const startedMs = performance.now();
  const points: [hours: number, megabytes: number][] = [];
  const sample = setInterval(() => {
    const hours = (performance.now() - startedMs) / 3_600_000;
    points.push([hours, residentBytes(subject.pid) / MB]);
  }, 1_000);
  try {
    await loadWith(completeOnceOverGrpc(subject.grpcUrl), { connections: 8, streams: 2, seconds });
  } finally {
    clearInterval(sample);
  }
  const settled = points.filter(([hours]) => hours >= (seconds / 3_600) * SETTLING);
  return figureRow({
    case: NAME,
    what: `slope under ${soakMinutes} min of CompleteOnce`,
    subject: "Modeltier",
    figureUnit: "MB/h",
    subjectValues: [slope(settled)],
    ...(soakMinutes >= JUDGED_MINUTES
      ? { target: { atMost: MOST_MB_PER_HOUR } }
      : { note: "too short to judge" }),
  });
}
