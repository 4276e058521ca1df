/** Whether the texts of prompts and answers are stored, for how long, and under which key. */
import type { SettingsReader } from "./reader.ts";

export type PromptSettings = Readonly<{
  isOn: boolean;
  /** Seals what is stored; there when it is on. 32 bytes. */
  key?: Buffer;
  /** Open what was sealed before the key was changed. */
  oldKeys: readonly Buffer[];
  /** How long a text is kept. */
  ttlMs: number;
}>;

export const PROMPT_VARIABLES = "PROMPT_STORAGE PROMPT_KEY PROMPT_OLD_KEYS PROMPT_TTL_HOURS";

const HOUR_MS = 3_600_000;
const USUAL_HOURS = 72;
const MOST_HOURS = 8_760;
const KEY = "MODELTIER_PROMPT_KEY";
const OLD_KEYS = "MODELTIER_PROMPT_OLD_KEYS";
const MAKE_ONE = "make one with: openssl rand -base64 32";

export function readPrompts(reader: SettingsReader): PromptSettings {
  const isOn = reader.choice("MODELTIER_PROMPT_STORAGE", ["off", "on"], "off") === "on";
  const text = reader.text(KEY);
  if (isOn && text === undefined) {
    reader.problem(KEY, `is missing: with MODELTIER_PROMPT_STORAGE=on texts are sealed with it; ${MAKE_ONE}`);
  }
  const key = text === undefined ? undefined : readKey(reader, KEY, text);
  const oldKeys = reader.list(OLD_KEYS).map((one) => readKey(reader, OLD_KEYS, one));
  return {
    isOn,
    ...(key !== undefined && { key }),
    oldKeys: oldKeys.filter((one) => one !== undefined),
    ttlMs: readTtl(reader),
  };
}

/** 32 bytes in base64 of either alphabet. The value is not quoted. */
const KEY_TEXT = /^[A-Za-z0-9+/_-]{43}=?$/;

function readKey(reader: SettingsReader, name: string, text: string): Buffer | undefined {
  if (KEY_TEXT.test(text)) return Buffer.from(text, "base64");
  reader.problem(name, `holds something that is no key of 256 bits in base64; ${MAKE_ONE}`);
  return undefined;
}

function readTtl(reader: SettingsReader): number {
  const hours = reader.positive("MODELTIER_PROMPT_TTL_HOURS", USUAL_HOURS);
  if (hours > MOST_HOURS) {
    reader.problem("MODELTIER_PROMPT_TTL_HOURS", `is ${hours}; use at most ${MOST_HOURS}, which is a year`);
  }
  return hours * HOUR_MS;
}
