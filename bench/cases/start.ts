import type { Case } from "../lib/context.ts";
import { temporaryFolder } from "../lib/processes.ts";
import { figureRow } from "../lib/results.ts";
import { type SubjectOptions, startSubject } from "../lib/subject.ts";

/** Seconds from the start of the process to the line that says it is ready. */
async function timeStart(options: SubjectOptions): Promise<number> {
  const startedMs = performance.now();
  const subject = await startSubject(options);
  const seconds = (performance.now() - startedMs) / 1_000;
  await subject.stop();
  return seconds;
}

export const startCase: Case = {
  name: "start",
  about: "from the start of the process to the first call it could take",
  async run(context) {
    const upstream = `${context.upstream}/short/v1`;
    const embedded = { upstream, dataDir: temporaryFolder() };
    const postgres = { upstream, databaseUrl: await context.createDatabase() };
    // The first start makes the tables, and, in the folder, the database.
    await timeStart(embedded);
    await timeStart(postgres);
    const seconds = { embedded: [] as number[], postgres: [] as number[] };
    for (let round = 0; round < context.options.rounds; round += 1) {
      seconds.embedded.push(await timeStart(embedded));
      seconds.postgres.push(await timeStart(postgres));
    }
    const own = { case: "start", subject: "Modeltier", figureUnit: "s" };
    return [
      figureRow({
        ...own,
        what: "existing embedded database",
        subjectValues: seconds.embedded,
        target: { atMost: 1.5 },
      }),
      figureRow({ ...own, what: "Postgres", subjectValues: seconds.postgres, target: { atMost: 0.8 } }),
    ];
  },
};
