/** The command line as a process of its own, against a running service. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { type RunningService, startService } from "../support/service.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const TOKEN = "the-admin-token";
/** Each look is a process that starts. */
const PATIENTLY = { timeout: 20_000 };

let service: RunningService;
const folder = mkdtempSync(join(tmpdir(), "mt-cli-"));
const file = join(folder, "routing.yaml");
beforeAll(async () => {
  service = await startService({ env: { MODELTIER_ADMIN_TOKEN: TOKEN } });
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** With the admin token, unless another is given. */
async function modeltier(words: readonly string[], options: { input?: string; token?: string } = {}) {
  const token = options.token ?? TOKEN;
  const child = spawn(process.execPath, [MAIN, ...words], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      MODELTIER_ADDRESS: service.grpcAddress,
      MODELTIER_ADMIN_TOKEN: token,
    },
  });
  child.stdin.end(options.input ?? "");
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await exited, out, err };
}

const edit = (from: string, to: string): void => {
  const before = readFileSync(file, "utf8");
  expect(before).toContain(from);
  writeFileSync(file, before.replace(from, to));
};

describe("modeltier config", () => {
  it("exports, validates, and imports once what was changed", async () => {
    expect(await modeltier(["config", "export", file])).toMatchObject({ code: 0, out: "" });
    expect((await modeltier(["config", "export"])).out).toBe(readFileSync(file, "utf8"));
    edit("failure_limit: 2", "failure_limit: 3");
    const valid = await modeltier(["config", "validate", file]);
    expect(valid).toMatchObject({ code: 0, out: "failure_limit: 2 -> 3\n" });
    expect(valid.err).toContain("valid; 1 changes since version 0");
    expect(await modeltier(["config", "import", file], { token: "" })).toMatchObject({ code: 1 });

    const imported = await modeltier(["config", "import", file, "--author", "ana", "--json"]);
    expect(imported.code).toBe(0);
    const [, published] = imported.out.trim().split("\n");
    expect(JSON.parse(published ?? "")).toMatchObject({ version: { version: "1", author: "ana" } });
    const again = await modeltier(["config", "import", file]);
    expect(again.code).toBe(1);
    expect(again.err).toContain("Aborted: version 1 was published meanwhile");
    expect((await modeltier(["config", "export", "--version", "0"])).out).toContain("failure_limit: 2");
    expect((await modeltier(["config", "export"])).out).toContain("based_on: 1");
    const exported = JSON.parse((await modeltier(["config", "export", "--json"])).out);
    expect(exported).toMatchObject({ versionInForce: "1", config: { failureLimit: 3 } });
    const audit = await modeltier(["config", "audit"]);
    expect(audit.out).toMatch(/^\S+Z {2}config\.publish {2}ana {2}config version 1 {2}\{.*\}\n$/);
    const none = await modeltier(["config", "audit", "--action", "budget", "--json"]);
    expect(JSON.parse(none.out)).toEqual({});
    expect(await modeltier(["config", "audit"], { token: "" })).toMatchObject({ code: 1 });
  });

  it("publishes nothing that is wrong, and names the field", async () => {
    await modeltier(["config", "export", file]);
    edit("agent_weight: 0.6", "agent_weight: 0.7");
    const wrong = await modeltier(["config", "import", file]);
    expect(wrong.code).toBe(3);
    expect(wrong.err).toContain("agent_weight");
    const unread = await modeltier(["config", "validate", "-"], { input: "config: [" });
    expect(unread).toMatchObject({ code: 3 });
    expect((await modeltier(["config", "export"])).out).toContain("agent_weight: 0.6");
  });

  it("says what a configuration would have made of what happened", async () => {
    expect(await modeltier(["complete", "hello", "--agent", "shop"])).toMatchObject({ code: 0 });
    await modeltier(["config", "export", file]);
    await expect
      .poll(async () => (await modeltier(["config", "backtest", file])).out, PATIENTLY)
      .toContain("1 executions decided anew: 0 in another tier, 0 at another target");
  });
});

describe("modeltier", () => {
  it("routes, completes and lists providers, for people and for programs", async () => {
    const request = '{"agentId":"a","agentAis":{"combinedScore":5}}';
    expect((await modeltier(["route", request])).out).toMatch(/^kimi\/kimi-k2-0905-preview\n/);
    const routed = await modeltier(["route", "-", "--json"], { input: request });
    expect(JSON.parse(routed.out).decision).toMatchObject({ tier: "TIER_BALANCED" });
    const events = (await modeltier(["complete", "hello", "--json"])).out.trim().split("\n");
    expect(Object.keys(JSON.parse(events.at(-1) ?? ""))).toEqual(["completed"]);
    expect((await modeltier(["providers"])).out).toMatch(/^kimi {8}.*models at/m);
  });

  it("lists executions and shows one, to whoever has the admin token", async () => {
    await modeltier(["complete", "hello", "--agent", "reader"]);
    const list = () => modeltier(["executions"]);
    await expect.poll(async () => (await list()).out, PATIENTLY).toContain("reader");
    const [line = ""] = (await list()).out.split("\n").filter((one) => one.includes("reader"));
    const [id = ""] = line.split("  ");
    const shown = await modeltier(["executions", id]);
    expect(shown.out).toContain("attempt 1  kimi/kimi-k2-0905-preview  ok");
    expect(shown.out).not.toContain("quality");
    const said = createClient(
      FeedbackService,
      createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
    );
    const headers = { authorization: `Bearer ${TOKEN}` };
    await said.recordFeedback({ executionId: id, quality: 4, success: true }, { headers });
    await said.recordFeedback({ executionId: id, quality: 5 }, { headers });
    expect((await list()).out).toMatch(
      /reader .*USD [\d.]+ {2}quality 4\.5 of 5 {2}1 of 1 say it did what it was for/,
    );
    expect(await modeltier(["executions"], { token: "" })).toMatchObject({ code: 1 });
  });

  it("says how it is used when it was written wrong, and ends with 2", async () => {
    for (const words of [
      ["nope"],
      ["route"],
      ["route", "{"],
      ["providers", "--nope"],
      ["config", "validate"],
    ]) {
      const { code, err } = await modeltier(words);
      expect(code).toBe(2);
      expect(err).toContain("Usage:");
    }
    expect(await modeltier(["config", "export", "--help"])).toMatchObject({ code: 0, err: "" });
  });

  it("says that the service is not there, and ends with 1", async () => {
    const { code, err } = await modeltier(["providers", "--address", "127.0.0.1:1"]);
    expect(code).toBe(1);
    expect(err).toContain("Unavailable");
  });
});
