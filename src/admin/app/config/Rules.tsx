/** Every other field of the configuration, as its contract describes it: a new field is on the page without a line here. */
import type { DescEnum, DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { create, ScalarType } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, durationFromMs } from "@bufbuild/protobuf/wkt";
import { useEffect, useRef } from "react";
import { RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { ms } from "../text/format.ts";

/** A message as its fields; which they are and what they hold is in its description. */
type Fields = Record<string, unknown>;

type Place = Readonly<{
  path: string;
  /** Fields that have a place of their own on the screen. */
  omit: ReadonlySet<string>;
  violations: ReadonlyMap<string, string>;
  /** Changes the same place of the draft. */
  change: (edit: (fields: Fields) => void) => void;
}>;

const label = (name: string): string => {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export function Rules({ message, ...place }: Place & { message: Message }) {
  return (
    <MessageFields fields={RoutingConfigSchema.fields} values={message as unknown as Fields} {...place} />
  );
}

function MessageFields({
  fields: all,
  values,
  ...place
}: Place & { fields: readonly DescField[]; values: Fields }) {
  const fields = all.filter(({ name }) => !place.omit.has(name));
  const simple = fields.filter((field) => field.fieldKind !== "list" && !isNested(field));
  const nested = fields.filter((field) => field.fieldKind === "list" || isNested(field));
  return (
    <div className="stack">
      {simple.length > 0 && (
        <div className="grid fields">
          {simple.map((field) => (
            <Field key={field.name} field={field} values={values} {...place} />
          ))}
        </div>
      )}
      {nested.map((field) => (
        <Nested key={field.name} field={field} values={values} {...place} />
      ))}
    </div>
  );
}

const isNested = (field: DescField): boolean =>
  field.fieldKind === "message" && field.message.typeName !== DurationSchema.typeName;

const under = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

function Nested({
  field,
  values,
  path,
  omit,
  violations,
  change,
}: Place & { field: DescField; values: Fields }) {
  const here = under(path, field.name);
  const wrong = [...violations.keys()].some((name) => name.startsWith(here));
  const details = useRef<HTMLDetailsElement>(null);
  // Opened for what is wrong in it, and never closed under somebody's hands.
  useEffect(() => {
    if (wrong && details.current !== null) details.current.open = true;
  }, [wrong]);
  return (
    <details ref={details}>
      <summary>
        {label(field.name)}
        {wrong ? " ✕" : ""}
      </summary>
      {field.fieldKind === "list" && field.message !== undefined ? (
        <Items
          message={field.message}
          name={field.localName}
          values={values}
          path={here}
          omit={omit}
          violations={violations}
          change={change}
        />
      ) : field.fieldKind === "message" && field.message !== undefined ? (
        <MessageFields
          fields={field.message.fields}
          values={(values[field.localName] ?? {}) as Fields}
          path={here}
          omit={omit}
          violations={violations}
          change={(edit) =>
            change((parent) => {
              parent[field.localName] ??= create(field.message as DescMessage);
              edit(parent[field.localName] as Fields);
            })
          }
        />
      ) : null}
    </details>
  );
}

function Items({
  message,
  name,
  values,
  path,
  omit,
  violations,
  change,
}: Place & { message: DescMessage; name: string; values: Fields }) {
  const items = (values[name] ?? []) as Fields[];
  return (
    <div className="stack">
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: entries have no name before they are filled in
        <fieldset key={index}>
          <legend>{`${label(name)}, ${index + 1}`}</legend>
          <MessageFields
            fields={message.fields}
            values={item}
            path={`${path}[${index}]`}
            omit={omit}
            violations={violations}
            change={(edit) => change((parent) => edit((parent[name] as Fields[])[index] as Fields))}
          />
          <button
            type="button"
            onClick={() => change((parent) => void (parent[name] as Fields[]).splice(index, 1))}
          >
            Remove
          </button>
        </fieldset>
      ))}
      <div>
        <button
          type="button"
          onClick={() =>
            change((parent) => void (parent[name] as Fields[]).push(create(message) as unknown as Fields))
          }
        >
          Add one
        </button>
      </div>
    </div>
  );
}

function Field({
  field,
  values,
  path,
  violations,
  change,
}: Omit<Place, "omit"> & { field: DescField; values: Fields }) {
  const problem = violations.get(under(path, field.name));
  const set = (value: unknown) =>
    change((parent) => {
      parent[field.localName] = value;
    });
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: Input is the control
    <label className={isFlag(field) ? "tick" : undefined}>
      <span>
        {label(field.name)}
        {field.fieldKind === "message" ? ", in s" : ""}
      </span>
      <Input field={field} value={values[field.localName]} set={set} isWrong={problem !== undefined} />
      {problem !== undefined && <span className="broken-text">✕ {problem}</span>}
    </label>
  );
}

const isFlag = (field: DescField): boolean =>
  field.fieldKind === "scalar" && field.scalar === ScalarType.BOOL;

type InputProps = { field: DescField; value: unknown; set: (value: unknown) => void; isWrong: boolean };

function Input({ field, value, set, isWrong }: InputProps) {
  if (field.fieldKind === "enum")
    return <Choice of={field.enum} value={value as number} set={set} isWrong={isWrong} />;
  if (isFlag(field)) {
    return <input type="checkbox" checked={value === true} onChange={(event) => set(event.target.checked)} />;
  }
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
  if (text === "") return field.presence === 1 ? undefined : isLong ? 0n : 0;
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
