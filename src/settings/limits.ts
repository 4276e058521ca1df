/** Limits by tier and by model: one variable, in JSON, since there are three tiers, any number of models and seven limits. */
import { type AttemptTimers, type CallLimits, TIERS, type Tier } from "../routing/types.ts";
import type { SettingsReader } from "./reader.ts";

export const LIMITS_VARIABLE = "MODELTIER_LIMITS";

export type LimitSettings = Readonly<{
  tiers: Readonly<
    Partial<Record<Tier, Readonly<{ timers: Partial<AttemptTimers>; limits: Partial<CallLimits> }>>>
  >;
  /** By "provider/model". */
  models: Readonly<Record<string, Partial<AttemptTimers>>>;
}>;

const TIMERS = ["headersMs", "firstTokenMs", "byteSilenceMs", "contentSilenceMs"] as const;
const CALL_LIMITS = ["maxAttempts", "maxAttemptsPerProvider", "callTimeoutMs"] as const;

/** Their ranges are the routing configuration's to check. @param providers there are, by id */
export function readLimits(reader: SettingsReader, providers: ReadonlySet<string>): LimitSettings {
  const tiers: Record<string, LimitSettings["tiers"][Tier]> = {};
  const models: Record<string, Partial<AttemptTimers>> = {};
  for (const [name, value] of Object.entries(readObject(reader))) {
    const isTier = TIERS.some((tier) => tier === name);
    const [provider = "", ...model] = name.split("/");
    if (!isTier && (!providers.has(provider) || model.join("") === "")) {
      const known = [...TIERS, ...[...providers].map((id) => `${id}/…`)];
      reader.problem(LIMITS_VARIABLE, `names "${name}"; use ${known.join(", ")}`);
      continue;
    }
    const limits = readNumbers(reader, name, value, isTier ? [...TIMERS, ...CALL_LIMITS] : TIMERS);
    if (isTier) tiers[name] = { timers: pick(limits, TIMERS), limits: pick(limits, CALL_LIMITS) };
    else models[name] = limits;
  }
  return { tiers, models };
}

function readObject(reader: SettingsReader): Readonly<Record<string, unknown>> {
  const text = reader.text(LIMITS_VARIABLE);
  if (text === undefined) return {};
  const value = parse(text);
  if (isObject(value)) return value;
  reader.problem(LIMITS_VARIABLE, 'is not a JSON object like {"fast":{"firstTokenMs":5000}}');
  return {};
}

function readNumbers(
  reader: SettingsReader,
  of: string,
  value: unknown,
  names: readonly string[],
): Readonly<Record<string, number>> {
  if (!isObject(value)) {
    reader.problem(LIMITS_VARIABLE, `has no object for "${of}"`);
    return {};
  }
  const known = Object.entries(value).filter(([name, limit]) => {
    if (names.includes(name) && typeof limit === "number") return true;
    const remedy = names.includes(name) ? "is not a number" : `is not one of ${names.join(", ")}`;
    reader.problem(LIMITS_VARIABLE, `has ${of}.${name}, which ${remedy}`);
    return false;
  });
  return Object.fromEntries(known) as Record<string, number>;
}

const pick = <Name extends string>(
  from: Readonly<Record<string, number>>,
  names: readonly Name[],
): Partial<Record<Name, number>> =>
  Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]]] : []))) as Partial<
    Record<Name, number>
  >;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
