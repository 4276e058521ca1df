import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ListExecutionsResponseSchema } from "../../gen/modeltier/v1/execution_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { type RouteResponse, RouteResponseSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { encode } from "./encoder.ts";

/** Any message of a type, down to a depth; extremes, zeros and absent fields are frequent. */
function anyMessage(schema: DescMessage, depth: number): fc.Arbitrary<Message> {
  const singular = schema.fields.filter(({ oneof }) => oneof === undefined);
  const plain = fc.record(
    Object.fromEntries(singular.map((field) => [field.localName, anyField(field, depth)])),
    { requiredKeys: [] },
  );
  const groups = fc.record(
    Object.fromEntries(
      schema.oneofs.map(({ localName, fields }) => [
        localName,
        fc.oneof(
          fc.constant({ case: undefined }),
          ...fields
            .filter((field) => depth > 0 || field.message === undefined)
            .map((field) => fc.record({ case: fc.constant(field.localName), value: anyValue(field, depth) })),
        ),
      ]),
    ),
  );
  return fc.tuple(plain, groups).map(([fields, oneofs]) => create(schema, { ...fields, ...oneofs }));
}

function anyField(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === "map") return fc.constant({});
  if (depth === 0 && field.message !== undefined)
    return fc.constant(field.fieldKind === "list" ? [] : undefined);
  const value = anyValue(field, depth);
  return field.fieldKind === "list" ? fc.array(value, { maxLength: 3 }) : value;
}

function anyValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message !== undefined) {
    return field.message.typeName === "google.protobuf.Struct"
      ? fc.constant({ key: [1, "two", null] })
      : anyMessage(field.message, depth - 1);
  }
  if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map(({ number }) => number));
  switch (field.scalar) {
    case ScalarType.STRING:
      return fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ minLength: 120, maxLength: 400 }));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.INT32:
      return fc.integer();
    case ScalarType.INT64:
      return fc.oneof(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.bigInt({ min: -9n, max: 300n }),
      );
    case ScalarType.BYTES:
      return fc.uint8Array();
    default:
      throw new Error(`${field}: no arbitrary for this type`);
  }
}

const outputs = RouterService.methods.map(({ output }) => output);

describe.each([...outputs, ListExecutionsResponseSchema].map((schema) => [schema.name, schema] as const))(
  "%s",
  (_, schema) => {
    it("is written as toBinary writes it", () => {
      fc.assert(
        fc.property(anyMessage(schema, 4), (message) => {
          expect(Buffer.from(encode(schema, message))).toEqual(Buffer.from(toBinary(schema, message)));
        }),
        { numRuns: 300 },
      );
    });
  },
);

it("begins afresh after a message that could not be written", () => {
  const message = create(RouteResponseSchema, { decision: { reason: "first" } });
  const wrong = { ...message, decision: { ...message.decision, maxOutputTokens: "many" } } as unknown;
  expect(() => encode(RouteResponseSchema, wrong as RouteResponse)).toThrow("invalid int32");
  expect(Buffer.from(encode(RouteResponseSchema, message))).toEqual(
    Buffer.from(toBinary(RouteResponseSchema, message)),
  );
});
