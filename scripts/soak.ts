/** `npm run soak`: an hour under every fault of a provider, or as long as is asked. */
import { parseArgs } from "node:util";
import { FAULTS } from "./soak/faults.ts";
import { SHARE_OF_EACH, soak, writeReport } from "./soak/soak.ts";

const USAGE = `npm run soak -- [--minutes 60] [--per-second 40] [--out report.json]

  Starts Postgres, the service and a sandbox of its own; ${FAULTS.length} faults, ${SHARE_OF_EACH * 100} % of the calls each.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    "per-second": { type: "string", default: "40" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});
const [minutes, perSecond] = [Number(values.minutes), Number(values["per-second"])];
if (values.help === true || !(minutes > 0) || !(perSecond > 0)) {
  process.stderr.write(USAGE);
  process.exit(values.help === true ? 0 : 2);
}
const report = await soak({
  minutes,
  perSecond,
  random: Math.random,
  say: (text) => process.stderr.write(`${text}\n`),
});
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
if (values.out !== undefined) writeReport(report, values.out);
const { calls, rows, attempts, left } = report;
const isWhole =
  rows.executions === calls && rows.attempts === attempts && left.calls + left.bytes + left.records === 0;
process.exitCode = isWhole ? 0 : 1;
