import type { Sampling } from "../../routing/types.ts";
import { MOST, RANGES } from "../../rpc/validate/bounds.ts";
import { requireRange } from "../../rpc/validate/violations.ts";
import type { JsonValue } from "./json-value.ts";

export function readSampling(body: JsonValue): Sampling {
  const [temperature, topP] = [body.at("temperature"), body.at("top_p")];
  return {
    temperature: inRange(temperature, temperature.number(), RANGES.temperature),
    topP: inRange(topP, topP.number(), RANGES.topP),
    maxOutputTokens: readOutputCap(body),
    stop: readStop(body.at("stop")),
    seed: body.at("seed").integer(),
  };
}

/** The newer name or the older one; both only where they agree. */
function readOutputCap(body: JsonValue): number | undefined {
  const [newer, older] = [body.at("max_completion_tokens"), body.at("max_tokens")];
  if (!newer.isAbsent && !older.isAbsent && newer.value !== older.value) {
    return older.wrong("and max_completion_tokens differ: send one of them");
  }
  const cap = newer.isAbsent ? older : newer;
  return inRange(cap, cap.integer(), RANGES.maxOutputTokens);
}

function inRange(
  { found, path }: JsonValue,
  number: number | undefined,
  range: readonly [number, number],
): number | undefined {
  requireRange(found, number, range, path);
  return number;
}

function readStop(stop: JsonValue): readonly string[] | undefined {
  if (stop.isAbsent) return undefined;
  const items = typeof stop.value === "string" ? [stop] : stop.items();
  if (items.length > MOST.stops) stop.wrong(`has more than ${MOST.stops} sequences`);
  const sequences = items.flatMap((item) => {
    const text = item.text();
    if (text?.trim() === "") item.wrong("is empty or only white space");
    return text ?? [];
  });
  return sequences.length === 0 ? undefined : sequences;
}
