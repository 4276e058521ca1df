/** How a test reaches the database of a service. */
import type pg from "pg";
import type { RunningService } from "./service.ts";

/** @param url of its Postgres; absent: the embedded one, whose address the service prints when it is ready */
export const databaseOf = (
  { output }: Pick<RunningService, "output">,
  url?: string,
): Readonly<pg.ClientConfig> =>
  url === undefined
    ? { host: /psql -h (\S+)/.exec(output().stdout)?.[1], user: "postgres", database: "postgres" }
    : { connectionString: url };
