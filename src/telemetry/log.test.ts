import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";

const LOG = fileURLToPath(new URL("./log.ts", import.meta.url));
let child: ChildProcess | undefined;

afterEach(() => child?.kill("SIGKILL"));

/** A process of its own that logs, because only a process has a standard error that someone may not read. */
function run(program: string): ChildProcess {
  const code = `const { createLog } = await import(${JSON.stringify(LOG)});\nconst log = createLog("info");\n${program}`;
  child = spawn(process.execPath, ["--input-type=module", "--eval", code]);
  return child;
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += chunk;
  return text;
}

it("has every line out when the process exits, also those of the last moment", async () => {
  const { stderr } = run(`
    for (let call = 0; call < 1000; call += 1) log.info("an execution ended", { call });
    log.warn("the last");
    process.exit(0);`);
  const lines = (await textOf(stderr))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.length).toBe(1_001);
  expect(lines[0]).toMatchObject({ level: "info", msg: "an execution ended", call: 0 });
  expect(lines[1_000]).toMatchObject({ level: "warn", msg: "the last" });
});

it("shows a line to a reader while the process goes on", async () => {
  const { stderr } = run(`log.info("here"); setInterval(() => {}, 1000);`);
  const [chunk] = await once(stderr as NodeJS.ReadableStream, "data");
  expect(String(chunk)).toContain('"msg":"here"');
});

it("says nothing of its own, however many warnings come at once", async () => {
  const { stderr } = run(`
    for (let call = 0; call < 5000; call += 1) log.warn("an attempt did not succeed", { call });
    setInterval(() => {}, 1000);`);
  // It stays: at an exit it waits for no reader as slow as one on a busy machine.
  let text = "";
  for await (const chunk of (stderr as NodeJS.ReadableStream).setEncoding("utf8")) {
    text += chunk;
    if (text.includes('"call":4999')) break;
  }
  const lines = text.trim().split("\n");
  expect(lines.filter((line) => !line.startsWith('{"level":"warn"'))).toEqual([]);
  expect(lines.length).toBe(5_000);
});

it("does not stop the process for a reader who has stopped", async () => {
  const { stdout } = run(`
    for (let call = 0; call < 5000; call += 1) {
      log.warn("an attempt did not succeed", { call });
      if (call % 100 === 0) await new Promise(setImmediate);
    }
    process.stdout.write("all said");
    setInterval(() => {}, 1000);`);
  const [chunk] = await once(stdout as NodeJS.ReadableStream, "data"); // nobody reads standard error
  expect(String(chunk)).toBe("all said");
});
