import { afterAll, beforeAll, expect, it } from "vitest";
import { type EmbeddedFolder, makeEmbeddedFolder } from "../../test/support/embedded-folder.ts";
import { silentLog } from "../../test/support/memory-log.ts";
import { ActiveConfig } from "../config/active-config.ts";
import { documentOf } from "../config/document.ts";
import { PRESETS } from "../routing/presets.ts";
import { SettingsError } from "../settings/reader.ts";
import { readSettings } from "../settings/settings.ts";
import { listAuditEntries } from "../store/audit-log.ts";
import { type OpenDatabase, openDatabase } from "../store/database.ts";
import { reloadProviders } from "./reload-providers.ts";

let folder: EmbeddedFolder;
let database: OpenDatabase;
beforeAll(async () => {
  folder = await makeEmbeddedFolder();
  database = await openDatabase({ dataDir: folder.path, log: silentLog });
  await database.migrate();
});
afterAll(async () => {
  await database?.close();
  folder?.remove();
});

const settings = readSettings({}, "/srv");
const config = PRESETS.classic;
const providers = new Map(
  ["openai", "anthropic", "kimi"].map((id) => [id, { keyPresent: true, keyVariables: [] }]),
);

const reloadWith = (reload: () => Promise<readonly string[]>) =>
  reloadProviders("ana", {
    reload,
    started: settings,
    latest: () => settings,
    active: new ActiveConfig({ config, document: documentOf(config), fromSnapshot: false }),
    state: () => ({ today: "2026-11-25", sandbox: true, providers, targets: new Map() }),
    database,
    log: silentLog,
  });

const details = async () => (await listAuditEntries(database.db, 10)).map(({ detail }) => detail);

it("notes what a reload changed, and nothing of one that was refused", async () => {
  expect(await reloadWith(async () => ["kimi"])).toEqual({ changed: ["kimi"], warnings: [] });
  await expect(reloadWith(() => Promise.reject(new SettingsError(["wrong"])))).rejects.toThrow("wrong");
  expect(await details()).toMatchObject([{ changed: ["kimi"], complete: true }]);
});

it("notes a reload that not every process has answered, which may have changed something", async () => {
  await expect(reloadWith(() => Promise.reject(new Error("one is silent")))).rejects.toThrow("one is silent");
  expect((await details())[0]).toMatchObject({ changed: null, complete: false });
});
