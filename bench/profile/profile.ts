/** `npm run bench -- --profile <load>`: where the service's time and memory go while that load runs. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startPostgres } from "../../test/support/postgres.ts";
import { type LoadRequest, runH2load } from "../lib/h2load.ts";
import { ROOT } from "../lib/processes.ts";
import { checkSample } from "../lib/sample-check.ts";
import { type Subject, startSubject, TARGET } from "../lib/subject.ts";
import { textTable } from "../lib/table.ts";
import { startStaticUpstream } from "../lib/upstream.ts";
import {
  chatOverHttp,
  completeOnceOverGrpc,
  completeOverGrpc,
  routeOverConnect,
  routeOverGrpc,
} from "../lib/workloads.ts";
import { byPart, type CpuProfile, type Entry, type HeapProfile, topAllocators, topSelfTime } from "./read.ts";

type ProfiledLoad = Readonly<{ answer: "short" | "long"; request(subject: Subject): LoadRequest }>;

const chat = (stream: boolean) => (subject: Subject) =>
  chatOverHttp(`${subject.httpUrl}/v1`, { stream, model: TARGET });

export const PROFILED_LOADS: Readonly<Record<string, ProfiledLoad>> = {
  route: { answer: "short", request: (subject) => routeOverGrpc(subject.grpcUrl) },
  "route-connect": { answer: "short", request: (subject) => routeOverConnect(subject.httpUrl) },
  "complete-once": { answer: "short", request: (subject) => completeOnceOverGrpc(subject.grpcUrl) },
  complete: { answer: "long", request: (subject) => completeOverGrpc(subject.grpcUrl) },
  chat: { answer: "short", request: chat(false) },
  "chat-stream": { answer: "long", request: chat(true) },
};

const SHAPE = { connections: 8, streams: 8 };
const ROWS = 30;
const WRITTEN_MS = 30_000;

/** @param seconds of the CPU profile, and again of the allocation profile */
export async function profile(name: string, seconds: number, folder: string): Promise<void> {
  const load = PROFILED_LOADS[name];
  if (load === undefined) throw new Error(`--profile takes one of ${Object.keys(PROFILED_LOADS).join(", ")}`);
  mkdirSync(folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const postgres = await startPostgres();
  stack.defer(() => postgres.stop());
  const upstream = await startStaticUpstream();
  stack.defer(() => upstream.stop());
  const subject = await startSubject({
    upstream: `${upstream.url}/${load.answer}/v1`,
    databaseUrl: await postgres.createDatabase(),
    nodeArgs: ["--import", fileURLToPath(new URL("./preload.ts", import.meta.url))],
    entry: join(ROOT, "src/main.ts"), // its files are the folders and packages of the report
    env: { BENCH_PROFILE_DIR: folder },
  });
  stack.defer(() => subject.stop());
  const request = load.request(subject);
  await checkSample(request);
  const run = (duration: number) => runH2load(request, { ...SHAPE, seconds: duration });

  await run(Math.max(2, seconds / 2));
  subject.signal("SIGUSR2");
  const timed = await run(seconds);
  subject.signal("SIGUSR2");
  await written(subject, "service.cpuprofile");
  const allocating = await run(seconds);
  subject.signal("SIGUSR2");
  await written(subject, "service.heapprofile");

  const read = <T>(file: string): T => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const requests = { cpu: timed.succeeded, heap: allocating.succeeded };
  print("CPU, self time", topSelfTime(read<CpuProfile>("service.cpuprofile")), requests.cpu, "µs/request");
  print("Allocations", topAllocators(read<HeapProfile>("service.heapprofile")), requests.heap, "B/request");
  process.stdout.write(`\n${name}: ${timed.requestsPerSecond.toFixed(0)} requests/s while profiled\n`);
  process.stdout.write(`Both profiles are in ${folder}; Chrome's developer tools open them.\n`);
}

async function written(subject: Subject, file: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < WRITTEN_MS; waitedMs += 50) {
    if (subject.output().includes(`wrote ${file}`)) return;
    await sleep(50);
  }
  throw new Error(`the service wrote no ${file}`);
}

function print(title: string, entries: readonly Entry[], requests: number, unit: string): void {
  const row = ({ name, share, amount }: Entry) => [
    `${(share * 100).toFixed(1)} %`,
    (amount / requests).toFixed(1),
    name.replaceAll(ROOT, ""),
  ];
  process.stdout.write(
    `\n${title}, by part\n${textTable([["share", unit, "part"], ...byPart(entries).slice(0, 15).map(row)])}`,
  );
  process.stdout.write(
    `\n${title}, by function\n${textTable([["share", unit, "function"], ...entries.slice(0, ROWS).map(row)])}`,
  );
}

export const profileFolder = (results: string, name: string): string => {
  const folder = join(results, `profile-${name}`);
  return existsSync(folder) ? `${folder}-${Date.now()}` : folder;
};
