/** X20: texts of prompts and answers are stored only where that is asked for, sealed, for a time, and gone when somebody says so. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Code, createClient } from "@connectrpc/connect";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { PromptService } from "../../gen/modeltier/v1/prompt_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { accessOf, bearer, makeKey, refusalOf, transportTo } from "../support/access.ts";
import { databaseOf } from "../support/database-of.ts";
import { copyCluster } from "../support/embedded-folder.ts";
import { type RunningService, startService } from "../support/service.ts";
import { metric, setStage } from "./rig/outage.ts";
import { holdsWithin } from "./rig/rig.ts";

const CLI = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const ADMIN = "the-admin-token-of-this-test";
const newKey = (): string => randomBytes(32).toString("base64");
const PROMPT = "What does the CANARY-PROMPT-x20 say?";
const SECRET = "sk-live-abcdEFGH1234abcdEFGH1234";
/** A text is written behind its call, as its record is. */
const PATIENTLY = { timeout: 20_000 };
/** Long enough to be seen, short enough to be waited for. */
const SHORT_TTL_MS = 5_000;

const on = (key: string): Readonly<Record<string, string>> => ({
  MODELTIER_PROMPT_STORAGE: "on",
  MODELTIER_PROMPT_KEY: key,
});

function clientsOf(service: RunningService, key?: string) {
  const transport = transportTo(service, "grpc");
  const as = key === undefined ? {} : bearer(key);
  const router = createClient(RouterService, transport);
  const prompts = createClient(PromptService, transport);
  const request = (agentId: string, more: object = {}) => ({
    routing: { case: "route" as const, value: { agentId } },
    messages: [
      { role: Role.SYSTEM, parts: [{ content: { case: "text" as const, value: `Use ${SECRET}` } }] },
      { role: Role.USER, parts: [{ content: { case: "text" as const, value: PROMPT } }] },
    ],
    ...more,
  });
  return {
    prompts,
    /** @returns the execution's id and the answer */
    ask: async (agentId: string, more: object = {}) => {
      const { completed, text: said } = await router.completeOnce({ request: request(agentId, more) }, as);
      return { executionId: completed?.executionId ?? "", said };
    },
    /** Leaves after the first piece of an answer that never ends. */
    leave: async (agentId: string, more: object = {}) => {
      const leaving = new AbortController();
      const routing = {
        case: "route" as const,
        value: { agentId, constraints: { model: "openai/gpt-4o-mini!stall=5" } },
      };
      const events = router.complete(request(agentId, { routing, ...more }), {
        ...as,
        signal: leaving.signal,
      });
      try {
        for await (const { event } of events) if (event.case === "textDelta") leaving.abort();
      } catch (error) {
        if (!leaving.signal.aborted) throw error;
      }
    },
    read: (executionId: string) => prompts.getPrompt({ executionId }, as),
    canRead: (executionId: string) =>
      prompts.getPrompt({ executionId }, as).then(
        () => true,
        () => false,
      ),
    remove: async (which: Parameters<typeof prompts.deletePrompts>[0]["which"]) =>
      Number((await prompts.deletePrompts({ which } as never, as)).deleted),
  };
}

const byExecution = (value: string) => ({ case: "executionId" as const, value });

async function query(connection: pg.ClientConfig, statement: string): Promise<readonly { row: string }[]> {
  const client = new pg.Client(connection);
  await client.connect();
  return (await client.query(statement).finally(() => client.end())).rows;
}

const countStored = async (connection: pg.ClientConfig): Promise<number> =>
  Number((await query(connection, "select count(*)::text as row from stored_prompts"))[0]?.row);

/** With a cluster in it already. */
async function newFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "mt-"));
  await copyCluster(folder);
  return folder;
}

const filesBelow = (folder: string): readonly Buffer[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));

describe("X20 where nobody asks for it", () => {
  it("no text of prompt or answer is in the database or in any file", async () => {
    const dataDir = await newFolder();
    const service = await startService({ dataDir });
    try {
      const { ask, read } = clientsOf(service);
      const { executionId, said } = await ask("agent-of-x20");
      expect(said).not.toBe("");
      const analytics = createClient(AnalyticsService, transportTo(service, "grpc"));
      await expect
        .poll(async () => (await analytics.listExecutions({})).executions.length, PATIENTLY)
        .toBe(1);
      const opened = await analytics.getExecution({ executionId });
      expect(opened.promptStored).toBe(false);
      expect((await refusalOf(read(executionId))).code).toBe(Code.NotFound);
      expect(await countStored(databaseOf(service))).toBe(0);
      await service.stop();
      const files = filesBelow(dataDir);
      expect(files.some((file) => file.includes("agent-of-x20"))).toBe(true);
      for (const file of files) {
        expect(file.includes(PROMPT)).toBe(false);
        expect(file.includes(said)).toBe(false);
      }
    } finally {
      await service.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});

describe("X20 where it is asked for, on the embedded database", () => {
  let dataDir: string;
  let service: RunningService;
  let admin: ReturnType<typeof clientsOf>;
  let caller: ReturnType<typeof clientsOf>;
  let operator: ReturnType<typeof clientsOf>;
  let callerKeyId: string;

  beforeAll(async () => {
    dataDir = await newFolder();
    service = await startService({ dataDir, env: { MODELTIER_ADMIN_TOKEN: ADMIN, ...on(newKey()) } });
    const mine = await makeKey(accessOf(service), ADMIN, "caller", "mine");
    const theirs = await makeKey(accessOf(service), ADMIN, "operator", "theirs");
    callerKeyId = mine.keyId;
    admin = clientsOf(service, ADMIN);
    caller = clientsOf(service, mine.secret);
    operator = clientsOf(service, theirs.secret);
  });
  afterAll(async () => {
    await service?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const isThere = (executionId: string) =>
    expect.poll(() => admin.canRead(executionId), PATIENTLY).toBe(true);
  const entries = async (action: string) => {
    const configs = createClient(ConfigService, transportTo(service, "grpc"));
    return (await configs.listAuditEntries({ action }, bearer(ADMIN))).entries;
  };

  it("gives the conversation and the answer, with what looks like a key masked", async () => {
    const { executionId, said } = await caller.ask("reader");
    await isThere(executionId);
    const { prompt } = await caller.read(executionId);
    expect(prompt).toMatchObject({ executionId, agentId: "reader", keyId: callerKeyId });
    const texts = prompt?.messages.map(({ role, parts }) => [role, parts[0]?.content.value]);
    expect(texts).toEqual([
      [Role.SYSTEM, "Use [masked]"],
      [Role.USER, PROMPT],
    ]);
    expect(prompt?.answer).toMatchObject({ text: said, whole: true });
    const kept = Number((prompt?.expiresAt?.seconds ?? 0n) - (prompt?.createdAt?.seconds ?? 0n));
    expect(kept).toBe(72 * 3_600);
  });

  it("is read by an admin and by the caller's own key, and by nobody else, and each reading is noted", async () => {
    const { executionId } = await caller.ask("noted");
    await isThere(executionId);
    expect((await refusalOf(operator.read(executionId))).code).toBe(Code.NotFound);
    const before = (await entries("prompt.read")).length;
    await caller.read(executionId);
    const [newest] = await entries("prompt.read");
    expect((await entries("prompt.read")).length).toBe(before + 1);
    expect(newest).toMatchObject({ author: callerKeyId, subject: `prompt of execution ${executionId}` });
    expect(JSON.stringify(newest?.detailJson)).not.toContain("CANARY");
    const own = await operator.ask("operators-own");
    await isThere(own.executionId);
    expect((await operator.read(own.executionId)).prompt?.agentId).toBe("operators-own");
  });

  it("is nowhere for a call that does not want it, over gRPC and over /v1", async () => {
    const { executionId } = await caller.ask("private", { withoutPromptStorage: true });
    await caller.leave("private", { withoutPromptStorage: true });
    const chat = await fetch(`${service.httpUrl}/v1/chat/completions`, {
      method: "POST",
      headers: {
        ...bearer(ADMIN).headers,
        "content-type": "application/json",
        "x-modeltier-agent-id": "private",
      },
      body: JSON.stringify({ model: "auto", store: false, messages: [{ role: "user", content: PROMPT }] }),
    });
    expect(chat.status).toBe(200);
    await chat.text();
    const last = await caller.ask("last");
    await isThere(last.executionId);
    expect((await refusalOf(admin.read(executionId))).code).toBe(Code.NotFound);
    const rows = await query(
      databaseOf(service),
      "select agent_id as row from stored_prompts where agent_id = 'private'",
    );
    expect(rows).toEqual([]);
  });

  it("has what came of an answer that was left", async () => {
    const before = await countStored(databaseOf(service));
    await caller.leave("leaver");
    await expect.poll(() => countStored(databaseOf(service)), PATIENTLY).toBe(before + 1);
    const [row] = await query(
      databaseOf(service),
      "select execution_id as row from stored_prompts where agent_id = 'leaver'",
    );
    const { prompt } = await caller.read(row?.row ?? "");
    expect(prompt?.answer?.whole).toBe(false);
    expect(prompt?.answer?.text).not.toBe("");
  });

  it("is deleted by execution, by agent and by key, counted and noted; a caller reaches its own alone", async () => {
    const one = await caller.ask("to-delete");
    const two = await caller.ask("to-delete");
    const others = await operator.ask("to-delete");
    for (const { executionId } of [one, two, others]) await isThere(executionId);
    expect(await operator.remove(byExecution(one.executionId))).toBe(0);
    expect(await caller.remove(byExecution(one.executionId))).toBe(1);
    expect((await refusalOf(admin.read(one.executionId))).code).toBe(Code.NotFound);
    expect(await caller.remove({ case: "agentId", value: "to-delete" })).toBe(1);
    await isThere(others.executionId);
    expect(await admin.remove({ case: "agentId", value: "to-delete" })).toBe(1);
    const [newest] = await entries("prompt.delete");
    expect(newest).toMatchObject({ subject: "prompts of agent to-delete", detailJson: '{"deleted":"1"}' });
    await caller.ask("any");
    expect(await admin.remove({ case: "keyId", value: callerKeyId })).toBeGreaterThan(0);
    expect(
      await query(
        databaseOf(service),
        `select execution_id as row from stored_prompts where key_id = '${callerKeyId}'`,
      ),
    ).toEqual([]);
  });

  it("leaves no race between a call that has just ended and the deletion of its text", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { executionId } = await caller.ask("racer");
      expect(await caller.remove(byExecution(executionId))).toBe(1);
      expect((await refusalOf(admin.read(executionId))).code).toBe(Code.NotFound);
    }
  });

  it("names what is asked wrongly, and takes no key with its secret", async () => {
    const nothing = await refusalOf(admin.prompts.deletePrompts({}, bearer(ADMIN)));
    expect(nothing.rawMessage).toBe("execution_id is missing: say execution_id, agent_id or key_id");
    const whole = `mt_${"0".repeat(16)}_${"A".repeat(43)}`;
    const withSecret = await refusalOf(admin.remove({ case: "keyId", value: whole }));
    expect(withSecret.rawMessage).toMatch(/^key_id is a key with its secret/);
    expect(withSecret.rawMessage).not.toContain(whole);
    expect((await refusalOf(admin.read(""))).code).toBe(Code.InvalidArgument);
  });

  it("is shown and deleted from the command line", async () => {
    const { executionId, said } = await caller.ask("shell");
    await isThere(executionId);
    const modeltier = async (...words: readonly string[]) => {
      const child = spawn(process.execPath, [CLI, "prompts", ...words], {
        cwd: tmpdir(),
        env: { PATH: process.env.PATH, MODELTIER_ADDRESS: service.grpcAddress, MODELTIER_ADMIN_TOKEN: ADMIN },
      });
      return Promise.all([text(child.stdout), text(child.stderr)]);
    };
    const [shown] = await modeltier("show", executionId);
    expect(shown).toContain(`user: ${PROMPT}\nanswer: ${said}\nkept until `);
    expect((await modeltier("delete", "--execution", executionId))[0]).toBe("deleted: 1\n");
    expect((await modeltier("show", executionId))[1]).toMatch(/^NotFound: no texts/);
    expect((await modeltier("delete"))[1]).toMatch(/^say which/);
  });

  it("is sealed in every row and every file", async () => {
    const { executionId, said } = await caller.ask("sealed");
    await isThere(executionId);
    const rows = await query(databaseOf(service), "select row_to_json(p)::text as row from stored_prompts p");
    const [, hex] = /"sealed":"\\\\x([0-9a-f]+)"/.exec(rows[0]?.row ?? "") ?? [];
    expect(Buffer.from(hex ?? "", "hex").length).toBeGreaterThan(PROMPT.length);
    for (const { row } of rows) {
      const sealed = Buffer.from(/"sealed":"\\\\x([0-9a-f]+)"/.exec(row)?.[1] ?? "", "hex");
      for (const one of [PROMPT, said]) expect(sealed.includes(one)).toBe(false);
    }
    await service.stop();
    for (const file of filesBelow(dataDir)) {
      for (const one of ["CANARY-PROMPT-x20", said, SECRET]) expect(file.includes(one)).toBe(false);
    }
  });
});

describe("X20 on Postgres", () => {
  let stack = new AsyncDisposableStack();
  afterEach(async () => {
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
  });

  it("outlives a change of the key as long as the old one is named, expires all the same once it is off", async () => {
    const { start, database } = await setStage(stack);
    const [oldKey, key] = [newKey(), newKey()];
    const stored = async () =>
      (await database.query("select execution_id from stored_prompts")).rows.length as number;
    const first = await start(on(oldKey));
    const { executionId } = await clientsOf(first).ask("rotated");
    await expect.poll(stored, PATIENTLY).toBe(1);
    await first.stop();

    const without = await start(on(key));
    const missing = await refusalOf(clientsOf(without).read(executionId));
    expect(missing.code).toBe(Code.FailedPrecondition);
    expect(missing.findDetails(ErrorInfoSchema)[0]?.reason).toBe("PROMPT_KEY_MISSING");
    await without.stop();

    const rotated = await start({ ...on(key), MODELTIER_PROMPT_OLD_KEYS: oldKey });
    expect((await clientsOf(rotated).read(executionId)).prompt?.agentId).toBe("rotated");
    // Expired, and no sweeper has been by yet: it is not given out all the same.
    await database.query("update stored_prompts set expires_at = now() - interval '1 second'");
    expect((await refusalOf(clientsOf(rotated).read(executionId))).code).toBe(Code.NotFound);
    expect(await stored()).toBe(1);
    await database.query("update stored_prompts set expires_at = now() + interval '1 hour'");
    await database.query("update stored_prompts set agent_id = 'kept', key_id = 'somebody'");
    const moved = await refusalOf(clientsOf(rotated).read(executionId));
    expect(moved.findDetails(ErrorInfoSchema)[0]?.reason).toBe("PROMPT_DAMAGED");
    await rotated.stop();

    await database.query("update stored_prompts set expires_at = now() - interval '1 second'");
    await start({ MODELTIER_PROMPT_TTL_HOURS: String(1_000 / 3_600_000) });
    await expect.poll(stored, PATIENTLY).toBe(0);
  });

  it("is gone when its time is over, by the database's clock", async () => {
    const { start, database } = await setStage(stack);
    const service = await start({
      ...on(newKey()),
      MODELTIER_PROMPT_TTL_HOURS: String(SHORT_TTL_MS / 3_600_000),
    });
    const { ask, canRead } = clientsOf(service);
    const { executionId } = await ask("short");
    const isReadable = () => canRead(executionId);
    await expect.poll(isReadable, PATIENTLY).toBe(true);
    await expect.poll(isReadable, PATIENTLY).toBe(false);
    const rows = async () => (await database.query("select 1 from stored_prompts")).rows.length;
    await expect.poll(rows, PATIENTLY).toBe(0);
  });

  it("waits in memory alone while Postgres is away, holds no call or record up, and is stored when it is back", async () => {
    const { proxy, start, database, dataDir } = await setStage(stack);
    const service = await start(on(newKey()));
    const { ask, remove, read } = clientsOf(service);
    await ask("before");
    const stored = async () => (await database.query("select 1 from stored_prompts")).rows.length;
    await expect.poll(stored, PATIENTLY).toBe(1);
    await expect.poll(() => metric(service, "modeltier_spool_records"), PATIENTLY).toBe(0);
    await proxy.goDown();
    const calls = await Promise.all(Array.from({ length: 20 }, () => ask("during")));
    expect(calls.every(({ said }) => said !== "")).toBe(true);
    expect(await metric(service, "modeltier_spool_records")).toBe(20);
    expect((await refusalOf(remove({ case: "agentId", value: "during" }))).code).toBe(Code.Unavailable);
    for (const file of filesBelow(dataDir)) {
      for (const one of [PROMPT, calls[0]?.said ?? "", SECRET]) expect(file.includes(one)).toBe(false);
    }
    await proxy.comeBack();
    expect(await holdsWithin(30_000, async () => (await stored()) === 21)).toBe(true);
    expect((await read(calls[0]?.executionId ?? "")).prompt?.agentId).toBe("during");
    expect(await remove({ case: "agentId", value: "during" })).toBe(20);
  });
});
