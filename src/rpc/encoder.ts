/**
 * Messages to bytes, as `toBinary` does it, in a buffer that is kept. `toBinary` begins every message with 128 bytes and doubles
 * them as it goes: for a decision that is five buffers, and the copying from one to the next. A message type that holds something
 * which this file does not know (maps, lists of numbers, `Struct`, wrappers) is left to `toBinary` as a whole.
 */
import {
  type DescField,
  type DescMessage,
  type Message,
  type MessageShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";

type Fields = Readonly<Record<string, unknown>> & Pick<Message, "$unknown">;
type Write<T> = (writer: BinaryWriter, value: T) => void;

/** A writer that has grown beyond it is let go. */
const MOST_KEPT_BYTES = 65_536;
let kept: BinaryWriter | undefined;

/** Exactly the bytes of `toBinary`. @throws Error when a value is not of its field's type */
export function encode<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
): Uint8Array {
  const write = writerOf(schema);
  if (write === undefined) return toBinary(schema, message);
  const writer = kept ?? new BinaryWriter();
  kept = undefined; // one that fails half way is not used again
  write(writer, message as unknown as Fields);
  const bytes = writer.finish();
  if (bytes.length <= MOST_KEPT_BYTES) kept = writer;
  return bytes;
}

/** By type; undefined for those that are left to `toBinary`. */
const writers = new Map<DescMessage, Write<Fields> | undefined>();

function writerOf(schema: DescMessage): Write<Fields> | undefined {
  if (!writers.has(schema)) {
    writers.set(schema, isKnown(schema, new Set()) ? messageWriter(schema, new Map()) : undefined);
  }
  return writers.get(schema);
}

/** @param seen types that are being looked at: a type may hold itself */
function isKnown(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) return true;
  seen.add(schema);
  if (schema.typeName === "google.protobuf.Struct" || isWrapperDesc(schema)) return false;
  return schema.fields.every((field) => isKnownField(field, seen));
}

const EXPLICIT = 1;
const IMPLICIT = 2;

function isKnownField(field: DescField, seen: Set<DescMessage>): boolean {
  if (field.presence !== EXPLICIT && field.presence !== IMPLICIT) return false;
  switch (field.fieldKind) {
    case "map":
      return false;
    case "list":
      if (field.listKind === "message") return !field.delimitedEncoding && isKnown(field.message, seen);
      return field.listKind === "scalar" && field.scalar === ScalarType.STRING;
    case "message":
      return !field.delimitedEncoding && isKnown(field.message, seen);
    case "enum":
      return true;
    case "scalar":
      return SCALARS.has(field.scalar);
  }
}

type Scalar = Readonly<{ wireType: WireType; zero: unknown; write: Write<never> }>;
const INT32: Scalar = {
  wireType: WireType.Varint,
  zero: 0,
  write: (writer, value: number) => writer.int32(value),
};
const STRING: Scalar = {
  wireType: WireType.LengthDelimited,
  zero: "",
  write: (writer, value: string) => writer.string(value),
};
const SCALARS: ReadonlyMap<ScalarType, Scalar> = new Map([
  [ScalarType.STRING, STRING],
  [ScalarType.INT32, INT32],
  [ScalarType.INT64, { wireType: WireType.Varint, zero: 0n, write: writeInt64 }],
  [ScalarType.BOOL, { wireType: WireType.Varint, zero: false, write: (writer, value) => writer.bool(value) }],
  [ScalarType.DOUBLE, { wireType: WireType.Bit64, zero: 0, write: (writer, value) => writer.double(value) }],
]);

/** Most are small, and a small one is the same varint in any width. */
function writeInt64(writer: BinaryWriter, value: bigint): void {
  const number = Number(value);
  if (number >= 0 && number <= 0x7fff_ffff) writer.uint32(number);
  else writer.int64(value);
}

/** @param made of this type and those around it: a type may hold itself */
function messageWriter(schema: DescMessage, made: Map<DescMessage, Write<Fields>>): Write<Fields> {
  const known = made.get(schema);
  if (known !== undefined) return known;
  const fields: Write<Fields>[] = [];
  const write: Write<Fields> = (writer, message) => {
    for (const writeField of fields) writeField(writer, message);
    const { $unknown } = message;
    if ($unknown === undefined) return;
    for (const { no, wireType, data } of $unknown) writer.tag(no, wireType).raw(data);
  };
  made.set(schema, write);
  const inOrder = schema.fields.toSorted((one, other) => one.number - other.number);
  fields.push(...inOrder.map((field) => fieldWriter(field, made)));
  return write;
}

function fieldWriter(field: DescField, made: Map<DescMessage, Write<Fields>>): Write<Fields> {
  const { localName } = field;
  const write = valueWriter(field, made);
  if (field.fieldKind === "list") {
    return (writer, message) => {
      for (const item of message[localName] as readonly never[]) write(writer, item);
    };
  }
  if (field.oneof !== undefined) {
    const { localName: group } = field.oneof;
    return (writer, message) => {
      const chosen = message[group] as Readonly<{ case?: string; value?: never }>;
      if (chosen.case === localName) write(writer, chosen.value as never);
    };
  }
  const absent = field.presence === EXPLICIT ? undefined : scalarOf(field)?.zero;
  // Of an integer -0 is 0; of a double it is a number of its own.
  const isAbsent =
    field.scalar === ScalarType.DOUBLE
      ? (value: unknown) => Object.is(value, absent)
      : (value: unknown) => value === absent;
  return (writer, message) => {
    const value = message[localName];
    if (!isAbsent(value)) write(writer, value as never);
  };
}

/** One value with its tag. */
function valueWriter(field: DescField, made: Map<DescMessage, Write<Fields>>): Write<never> {
  const scalar = scalarOf(field);
  if (scalar !== undefined) {
    const tag = tagOf(field, scalar.wireType);
    return (writer, value) => scalar.write(writer.uint32(tag), value);
  }
  const write = messageWriter(field.message as DescMessage, made);
  const tag = tagOf(field, WireType.LengthDelimited);
  return (writer, message) => {
    write(writer.uint32(tag).fork(), message);
    writer.join();
  };
}

const tagOf = ({ number }: DescField, wireType: WireType): number => ((number << 3) | wireType) >>> 0;

/** Undefined for messages. */
const scalarOf = ({ enum: names, scalar }: DescField): Scalar | undefined =>
  names !== undefined ? INT32 : scalar === undefined ? undefined : SCALARS.get(scalar);
