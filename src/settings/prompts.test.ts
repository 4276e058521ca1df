import { expect, it } from "vitest";
import { readPrompts } from "./prompts.ts";
import { SettingsError, SettingsReader } from "./reader.ts";

const KEY = Buffer.alloc(32, 250).toString("base64");
const OTHER = Buffer.alloc(32, 251).toString("base64url");

function read(environment: Readonly<Record<string, string>>) {
  const reader = new SettingsReader(environment);
  const settings = readPrompts(reader);
  reader.throwIfWrong();
  return settings;
}
function problemsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

it("stores nothing unless it is asked to", () => {
  expect(read({})).toEqual({ isOn: false, oldKeys: [], ttlMs: 72 * 3_600_000 });
});

it("reads keys in either alphabet of base64, and the time in hours", () => {
  const settings = read({
    MODELTIER_PROMPT_STORAGE: "on",
    MODELTIER_PROMPT_KEY: KEY,
    MODELTIER_PROMPT_OLD_KEYS: `${OTHER}, ${KEY}`,
    MODELTIER_PROMPT_TTL_HOURS: "0.5",
  });
  expect(settings).toEqual({
    isOn: true,
    key: Buffer.alloc(32, 250),
    oldKeys: [Buffer.alloc(32, 251), Buffer.alloc(32, 250)],
    ttlMs: 1_800_000,
  });
});

it("keeps the keys for what is stored already once it is off", () => {
  expect(read({ MODELTIER_PROMPT_KEY: KEY })).toMatchObject({ isOn: false, key: Buffer.alloc(32, 250) });
});

it("wants a key when it is on, and says how to make one", () => {
  const [problem] = problemsOf({ MODELTIER_PROMPT_STORAGE: "on" });
  expect(problem).toMatch(/^MODELTIER_PROMPT_KEY is missing.*openssl rand -base64 32$/);
});

it.each([
  ["MODELTIER_PROMPT_KEY", "too-short"],
  ["MODELTIER_PROMPT_KEY", KEY.repeat(2)],
  ["MODELTIER_PROMPT_OLD_KEYS", `${KEY},no key at all`],
])("names %s when it holds no key, and does not quote it", (name, value) => {
  const [problem = ""] = problemsOf({ [name]: value });
  expect(problem).toMatch(new RegExp(`^${name} holds something that is no key of 256 bits`));
  expect(problem).not.toContain(value);
});

it("keeps nothing for longer than a year", () => {
  expect(problemsOf({ MODELTIER_PROMPT_TTL_HOURS: "8761" })[0]).toMatch(
    /^MODELTIER_PROMPT_TTL_HOURS is 8761/,
  );
});
