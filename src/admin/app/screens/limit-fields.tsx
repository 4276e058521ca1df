import { create } from "@bufbuild/protobuf";
import { type KeyLimits, KeyLimitsSchema } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { LIMITS, type LimitName } from "./key-words.ts";

/** As they are typed; "": not limited. */
export type LimitTexts = Readonly<Record<LimitName, string>>;

export const limitTexts = (limits: KeyLimits | undefined): LimitTexts => ({
  requestsPerMinute: textOf(limits?.requestsPerMinute),
  tokensPerMinute: textOf(limits?.tokensPerMinute),
  concurrentCalls: textOf(limits?.concurrentCalls),
});

const textOf = (count: number | undefined): string => (count === undefined ? "" : String(count));

export function limitsIn(texts: LimitTexts): KeyLimits {
  const limits = create(KeyLimitsSchema);
  for (const { name } of LIMITS) if (texts[name] !== "") limits[name] = Number(texts[name]);
  return limits;
}

/** For a form: a field for each. */
export function LimitFields({ texts, set }: { texts: LimitTexts; set: (texts: LimitTexts) => void }) {
  return LIMITS.map(({ name, label }) => (
    <label key={name}>
      <span>{label}</span>
      <input
        inputMode="numeric"
        pattern="[1-9]\d{0,8}"
        title="A whole number from 1 on, or nothing"
        placeholder="no limit"
        value={texts[name]}
        onChange={(event) => set({ ...texts, [name]: event.target.value })}
      />
    </label>
  ));
}
