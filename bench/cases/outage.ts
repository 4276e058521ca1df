import { setTimeout as sleep } from "node:timers/promises";
import type { Case, Context } from "../lib/context.ts";
import { withClient } from "../lib/database.ts";
import { type LoadRequest, runH2loadCount } from "../lib/h2load.ts";
import { hasOha, type Latencies, runOha } from "../lib/oha.ts";
import { figureRow, type Row } from "../lib/results.ts";
import { checkSample } from "../lib/sample-check.ts";
import { startSubject } from "../lib/subject.ts";
import { routeOverConnect } from "../lib/workloads.ts";

const NAME = "outage";
const PER_SECOND = 200;
const CONNECTIONS = 16;
const WARM_UP_CALLS = 50_000;
const MOST_P99_MS = 2;
/** For connections to be given up, and to be opened again. */
const SETTLE_MS = 5_000;

export const outageCase: Case = {
  name: NAME,
  about: "a decision while the database is away: no call waits for it",
  async run(context) {
    if (!hasOha()) {
      context.skip(NAME, "the whole case", "needs oha; bench/README.md says how to build it");
      return [];
    }
    await using stack = new AsyncDisposableStack();
    const databaseUrl = await context.createDatabase();
    const subject = await startSubject({ upstream: `${context.upstream}/short/v1`, databaseUrl });
    stack.defer(() => subject.stop());
    const ask = routeOverConnect(subject.httpUrl);
    await checkSample(ask);
    await runH2loadCount(ask, { connections: CONNECTIONS, streams: 1 }, WARM_UP_CALLS);
    return await measure(context, ask, databaseUrl); // the service stays until then
  },
};

async function measure(context: Context, ask: LoadRequest, databaseUrl: string): Promise<readonly Row[]> {
  const { rounds, seconds } = context.options;
  const withIt: Latencies[] = [];
  const without: Latencies[] = [];
  for (let round = 0; round < rounds; round += 1) {
    withIt.push(await runOha(ask, { perSecond: PER_SECOND, seconds, connections: CONNECTIONS }));
    await allowConnections(databaseUrl, false);
    await sleep(SETTLE_MS);
    without.push(await runOha(ask, { perSecond: PER_SECOND, seconds, connections: CONNECTIONS }));
    await allowConnections(databaseUrl, true);
    await sleep(SETTLE_MS);
  }
  const rows = (what: string, values: readonly Latencies[], p99?: Row["target"]) => {
    const row = (percent: keyof Latencies, target?: Row["target"]) =>
      figureRow({
        case: NAME,
        what: `Route ${what} the database, ${percent.slice(0, 3)}`,
        subject: "Modeltier",
        figureUnit: "ms",
        subjectValues: values.map((one) => one[percent]),
        target,
      });
    return [row("p50Ms"), row("p99Ms", p99)];
  };
  return [...rows("without", without, { atMost: MOST_P99_MS }), ...rows("with", withIt)];
}

/** Without them the database is as good as gone for the service: what was open is cut, and nothing new is let in. */
async function allowConnections(databaseUrl: string, isAllowed: boolean): Promise<void> {
  const server = new URL(databaseUrl);
  const database = server.pathname.slice(1);
  server.pathname = "/postgres";
  await withClient(server.href, async (client) => {
    await client.query(`alter database ${database} with allow_connections ${isAllowed}`);
    if (!isAllowed)
      await client.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [
        database,
      ]);
  });
}
