/** Texts that must be found nowhere but where they belong, and how to look for them, however they are written. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";

const key = (name: string): string => `sk-CANARY-${name}-41c2d7`;
const long = (name: string): string => `CANARY-${name}-41c2d7-0123456789abcdef0123456789`;

/** What the service is told by its environment. */
export const SECRETS = {
  openai: key("openai"),
  anthropic: key("anthropic"),
  kimi: key("kimi"),
  custom: key("custom"),
  databasePassword: "CANARY-password-41c2d7",
  adminToken: long("admin-token"),
  metricsToken: long("metrics-token"),
  pepper: long("pepper"),
  tokenSecret: long("token-secret"),
  promptKey: Buffer.from("CANARY-of-32-bytes-sealing-key-1").toString("base64"),
  collectorKey: long("collector-key"),
} as const;

/** What callers send to models. */
export const SENT = {
  system: "CANARY-system-9b1e55",
  prompt: "CANARY-prompt-9b1e55",
  arguments: '{"place":"CANARY-sent-arguments-9b1e55"}',
  result: "CANARY-result-9b1e55",
  picture: "CANARY-picture-9b1e55",
  schema: "CANARY-schema-9b1e55",
} as const;

/** What models say. */
export const SAID = {
  answer: "CANARY-answer-d0c377",
  reasoning: "CANARY-reasoning-d0c377",
  arguments: '{"place":"CANARY-said-arguments-d0c377"}',
  refusal: "CANARY-refusal-d0c377",
  error: "CANARY-error-d0c377",
} as const;

/** The part of a text that is its own. */
const bare = (text: string): string => /CANARY-[\w-]+/.exec(text)?.[0] ?? text;

/** A canary as it may be written: as it is, in hexadecimal as databases show bytes, and in base64 wherever it begins in what is coded. */
function formsOf(canary: string): readonly string[] {
  const text = bare(canary);
  const inBase64 = [0, 1, 2].map((before) => {
    const coded = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString("base64");
    return coded.replace(/=+$/, "").slice(before === 0 ? 0 : 4, -3);
  });
  return [text, Buffer.from(text).toString("hex"), ...inBase64];
}

/** @returns the names of those that are found in the text */
export function listCanaries(text: string | Buffer, canaries: Readonly<Record<string, string>>): string[] {
  return Object.entries(canaries)
    .filter(([, canary]) => formsOf(canary).some((form) => text.includes(form)))
    .map(([name]) => name);
}

/** Every row of every table, as text. */
export async function dumpTables(database: pg.Client): Promise<string> {
  const { rows: tables } = await database.query<{ name: string }>(
    "select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema = 'public'",
  );
  const dumps: string[] = [];
  for (const { name } of tables) {
    const { rows } = await database.query<{ row: string }>(`select t::text as row from ${name} t`);
    dumps.push(name, ...rows.map(({ row }) => row));
  }
  return dumps.join("\n");
}

/** Every file below a folder. One that is gone meanwhile holds nothing. */
export function filesBelow(folder: string): readonly Readonly<{ name: string; bytes: Buffer }>[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => {
    if (!entry.isFile()) return [];
    const name = join(entry.parentPath, entry.name);
    try {
      return [{ name, bytes: readFileSync(name) }];
    } catch {
      return [];
    }
  });
}
