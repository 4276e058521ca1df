import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Case, Context } from "../lib/context.ts";
import { countRows, settledRows, TABLES, withClient } from "../lib/database.ts";
import { runH2loadCount } from "../lib/h2load.ts";
import { ROOT } from "../lib/processes.ts";
import { figureRow, type Row, ratioRow } from "../lib/results.ts";
import { runRounds, throughput } from "../lib/rounds.ts";
import { checkSample } from "../lib/sample-check.ts";
import { startSubject } from "../lib/subject.ts";
import { completeOnceOverGrpc } from "../lib/workloads.ts";

const NAME = "recording";
const WITHOUT = fileURLToPath(new URL("../programs/without-recorder.ts", import.meta.url));
/** With recording, of the throughput without. */
const LEAST = 0.92;
const SHAPE = { connections: 16, streams: 4 };
/** Enough calls to fill the time of a measurement on a fast machine. */
const CALLS_PER_SECOND = 3_000;

export const recordingCase: Case = {
  name: NAME,
  about: "every answered call has its rows; what recording costs",
  run: async (context) => [...(await countRecords(context)), await costOfRecording(context)],
};

/** A fixed number of calls, as fast as they go; each must leave one execution and one attempt. */
async function countRecords(context: Context): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const databaseUrl = await context.createDatabase();
  const subject = await startSubject({ upstream: `${context.upstream}/short/v1`, databaseUrl });
  stack.defer(() => subject.stop());
  const request = completeOnceOverGrpc(subject.grpcUrl);
  await checkSample(request);
  const calls = CALLS_PER_SECOND * context.options.seconds;
  const { succeeded, requestsPerSecond } = await runH2loadCount(request, SHAPE, calls);
  const expected = succeeded + 1;
  return withClient(databaseUrl, async (client) => {
    const rows: Row[] = [];
    for (const table of TABLES) {
      rows.push(
        figureRow({
          case: NAME,
          what: `rows of ${table} missing after ${expected} answered calls, ${requestsPerSecond.toFixed(0)}/s`,
          subject: "Modeltier",
          figureUnit: "rows",
          subjectValues: [expected - (await settledRows(client, table, expected))],
          target: { atMost: 0 },
        }),
      );
    }
    return rows;
  });
}

async function costOfRecording(context: Context): Promise<Row> {
  await using stack = new AsyncDisposableStack();
  const upstream = `${context.upstream}/short/v1`;
  const nullDatabaseUrl = await context.createDatabase();
  const entry = join(ROOT, "src/main.ts"); // in a bundle there is no module to take another's place
  const recording = await startSubject({ upstream, databaseUrl: await context.createDatabase(), entry });
  stack.defer(() => recording.stop());
  const silent = await startSubject({
    upstream,
    databaseUrl: nullDatabaseUrl,
    nodeArgs: ["--import", WITHOUT],
    entry,
  });
  stack.defer(() => silent.stop());
  const shape = context.shape(SHAPE.connections, SHAPE.streams);
  const measured = await runRounds(
    [
      await throughput("with", completeOnceOverGrpc(recording.grpcUrl), shape, recording.pid),
      await throughput("without", completeOnceOverGrpc(silent.grpcUrl), shape, silent.pid),
    ],
    context.options.rounds,
  );
  const written = await withClient(nullDatabaseUrl, (client) =>
    countRows(client, "orchestration_executions"),
  );
  if (written > 0) throw new Error(`${written} executions were recorded with recording off`);
  return ratioRow({
    case: NAME,
    what: "CompleteOnce with recording",
    subject: "Modeltier",
    reference: "Modeltier without recording",
    figureUnit: "1/s",
    subjectValues: measured.values("with"),
    referenceValues: measured.values("without"),
    serverBusy: measured.busy("with"),
    target: { atLeast: LEAST },
  });
}
