/** The control that fits a field's type. */
import { type DescEnum, type DescField, ScalarType } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { ms } from "../text/format.ts";

const isBool = (field: DescField): boolean =>
  field.fieldKind === "scalar" && field.scalar === ScalarType.BOOL;

const mayBeAbsent = (field: DescField): boolean => field.presence === FeatureSet_FieldPresence.EXPLICIT;

/** Yes or no; a field that may also be absent is a choice of three. */
export const isFlag = (field: DescField): boolean => isBool(field) && !mayBeAbsent(field);

type InputProps = { field: DescField; value: unknown; set: (value: unknown) => void; isWrong: boolean };

export function FieldInput({ field, value, set, isWrong }: InputProps) {
  if (field.fieldKind === "enum")
    return <Choice of={field.enum} value={value as number} set={set} isWrong={isWrong} />;
  if (isFlag(field)) {
    return <input type="checkbox" checked={value === true} onChange={(event) => set(event.target.checked)} />;
  }
  if (isBool(field)) return <YesNoOrAbsent value={value as boolean | undefined} set={set} />;
  if (field.fieldKind === "message") {
    const seconds = value === undefined ? "" : String(ms(value as Duration) / 1000);
    const take = (text: string) =>
      set(text === "" ? undefined : durationFromMs(Math.round(Number(text) * 1000)));
    return <NumberInput value={seconds} take={take} isWrong={isWrong} />;
  }
  if (field.fieldKind === "scalar" && field.scalar === ScalarType.STRING) {
    return (
      <input
        value={(value as string) ?? ""}
        aria-invalid={isWrong}
        onChange={(event) => set(event.target.value)}
      />
    );
  }
  return (
    <NumberInput
      value={value === undefined ? "" : String(value)}
      take={(text) => set(numberOf(field, text))}
      isWrong={isWrong}
    />
  );
}

/** An empty field is absent where the contract knows absence, and 0 where it does not. */
function numberOf(field: DescField, text: string): number | bigint | undefined {
  const isLong = field.fieldKind === "scalar" && field.scalar === ScalarType.INT64;
  if (text === "") return mayBeAbsent(field) ? undefined : isLong ? 0n : 0;
  return isLong ? BigInt(Math.trunc(Number(text))) : Number(text);
}

const NumberInput = ({
  value,
  take,
  isWrong,
}: {
  value: string;
  take: (text: string) => void;
  isWrong: boolean;
}) => (
  <input
    type="number"
    step="any"
    value={value}
    aria-invalid={isWrong}
    onChange={(event) => take(event.target.value)}
  />
);

function Choice({
  of,
  value,
  set,
  isWrong,
}: {
  of: DescEnum;
  value: number;
  set: (value: number) => void;
  isWrong: boolean;
}) {
  const prefix = of.sharedPrefix ?? "";
  return (
    <select value={value} aria-invalid={isWrong} onChange={(event) => set(Number(event.target.value))}>
      {of.values.map(({ number, name }) => (
        <option key={number} value={number}>
          {name.slice(prefix.length).toLowerCase().replaceAll("_", " ")}
        </option>
      ))}
    </select>
  );
}

const SAID: Readonly<Record<string, boolean | undefined>> = { "": undefined, yes: true, no: false };

const YesNoOrAbsent = ({ value, set }: { value: boolean | undefined; set: (value: unknown) => void }) => (
  <select
    value={value === undefined ? "" : value ? "yes" : "no"}
    onChange={(event) => set(SAID[event.target.value])}
  >
    <option value="">not said</option>
    <option>yes</option>
    <option>no</option>
  </select>
);
