/** `npm run bench`: measures the service beside its floors and other gateways. `--help` lists the cases and the flags. */
import { join } from "node:path";
import { writeChart } from "./chart.ts";
import { type Command, HELP, readCommand } from "./lib/command.ts";
import { compareReports } from "./lib/compare.ts";
import { canPin, pinBench } from "./lib/machine.ts";
import { ROOT } from "./lib/processes.ts";
import { packageVersion, readReport, reportWith, tableRows, writeReport } from "./lib/results.ts";
import { runCases } from "./lib/run.ts";
import { textTable } from "./lib/table.ts";
import { profile, profileFolder } from "./profile/profile.ts";

const RESULTS = join(ROOT, "bench/results");
const VERSIONS = ["@grpc/grpc-js", "@connectrpc/connect-node", "@bufbuild/protobuf", "undici", "fastify"];

async function measure({ cases, options, out }: Extract<Command, { kind: "run" }>): Promise<void> {
  const startedAt = new Date().toISOString();
  const pinned = canPin() && pinBench();
  if (!pinned) process.stderr.write("Nothing could be pinned to a core: the figures will vary more\n");
  const { rows, skipped, versions } = await runCases(cases, options);
  const product = Object.fromEntries(VERSIONS.map((name) => [name, packageVersion(name)]));
  const { seconds, rounds } = options;
  const report = reportWith({
    pinned,
    startedAt,
    seconds,
    rounds,
    rows,
    skipped,
    versions: { ...product, ...versions },
  });
  const file = out ?? join(RESULTS, `${startedAt.slice(0, 19).replaceAll(":", "-")}.json`);
  writeReport(file, report);
  process.stdout.write(`\n${textTable(tableRows(rows))}`);
  for (const { case: name, what, why } of skipped) process.stdout.write(`SKIPPED ${name}: ${what}: ${why}\n`);
  process.stdout.write(`\nEvery round is in ${file}\n`);
}

async function main(): Promise<void> {
  const command = readCommand(process.argv.slice(2));
  switch (command.kind) {
    case "help":
      process.stdout.write(HELP);
      return;
    case "compare":
      process.stdout.write(compareReports(readReport(command.first), readReport(command.second)));
      return;
    case "chart":
      writeChart(command.from, command.to);
      return;
    case "profile":
      pinBench();
      return profile(command.load, command.seconds, profileFolder(RESULTS, command.load));
    case "run":
      return measure(command);
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
