/** Every other field of the configuration, as its contract describes it: a new field is on the page without a line here. */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { useEffect, useRef } from "react";
import { RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { FieldInput, isFlag } from "./field-input.tsx";

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
      {nested.length > 0 && (
        <div className="folded">
          {nested.map((field) => (
            <Nested key={field.name} field={field} values={values} {...place} />
          ))}
        </div>
      )}
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
    // biome-ignore lint/a11y/noLabelWithoutControl: FieldInput is the control
    <label className={isFlag(field) ? "tick" : undefined}>
      <span>
        {label(field.name)}
        {field.fieldKind === "message" ? ", in s" : ""}
      </span>
      <FieldInput field={field} value={values[field.localName]} set={set} isWrong={problem !== undefined} />
      {problem !== undefined && <span className="broken-text">✕ {problem}</span>}
    </label>
  );
}
