import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function start(settings: Readonly<Record<string, string>>) {
  const env = { PATH: process.env.PATH, MODELTIER_SANDBOX_PORT: "0", ...settings };
  const child = spawn(process.execPath, [MAIN], { env });
  children.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    output.stdout += data;
  });
  child.stderr.on("data", (data) => {
    output.stderr += data;
  });
  const exit = once(child, "exit").then(([code]) => code as number | null);
  const ready = Promise.race([once(child.stdout, "data"), exit]);
  return { child, output, exit, ready };
}

describe("npm run sandbox", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("prints a curl line that works, and ends on %s", async (signal) => {
    const { child, output, exit, ready } = start({ MODELTIER_SANDBOX_TOKENS_PER_SECOND: "Infinity" });
    await ready;
    const line = /^curl .*$/m.exec(output.stdout)?.[0] ?? "";
    const { stdout } = await promisify(execFile)("sh", ["-c", line]);
    expect(stdout).toContain('"content":"Hello!"');
    expect(stdout).toMatch(/data: \[DONE\]\n\n$/);
    child.kill(signal);
    expect(await exit).toBe(0);
    expect(output.stderr).toBe("");
  });

  it("ends at once while an exchange is waiting", async () => {
    const { child, output, exit, ready } = start({});
    await ready;
    const [, baseUrl] = /^OPENAI_BASE_URL +(\S+)$/m.exec(output.stdout) ?? [];
    const answer = fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer any" },
      body: JSON.stringify({
        model: "x!slow-first-token=600000",
        stream: true,
        messages: [{ role: "user" }],
      }),
    });
    expect((await answer).status).toBe(200);
    const broken = expect((await answer).text()).rejects.toThrow();
    child.kill("SIGTERM");
    expect(await exit).toBe(0);
    await broken;
  });

  it.each([
    ["MODELTIER_SANDBOX_PORT", "70000"],
    ["MODELTIER_SANDBOX_TOKENS_PER_SECOND", "-1"],
  ])("names the setting that is wrong: %s=%s", async (name, value) => {
    const { output, exit } = start({ [name]: value });
    expect(await exit).toBe(1);
    expect(output.stderr).toContain(`${name} must be`);
  });

  it("says what to do when the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { output, exit } = start({ MODELTIER_SANDBOX_PORT: String(port) });
    expect(await exit).toBe(1);
    expect(output.stderr).toContain("MODELTIER_SANDBOX_PORT");
    other.close();
  });
});
