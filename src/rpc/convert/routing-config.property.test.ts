import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import { configDocument } from "../../../test/support/config-arbitrary.ts";
import { documentOf } from "../../config/document.ts";
import { PRESETS } from "../../routing/presets.ts";
import { readConfig } from "../validate/config.ts";
import { configCodec } from "./config-codec.ts";
import { configFromProto, configToProto } from "./routing-config.ts";

const BASE = documentOf(PRESETS.classic);

describe("a configuration and its message", () => {
  it("say the same, on the wire and back", () => {
    fc.assert(
      fc.property(configDocument, (document) => {
        const message = configToProto(document);
        expect(readConfig(message, () => [], []).violations).toEqual([]);
        const received = fromBinary(RoutingConfigSchema, toBinary(RoutingConfigSchema, message));
        expect(configFromProto(received)).toEqual(document);
      }),
    );
  });

  it("say the same once stored as JSON", () => {
    fc.assert(
      fc.property(configDocument, (document) => {
        const stored = JSON.parse(JSON.stringify(configCodec.encode(document)));
        expect(configCodec.decode(stored, BASE)).toEqual(document);
      }),
    );
  });
});

describe("a stored configuration of another release", () => {
  const stored = configCodec.encode(BASE) as Record<string, unknown>;

  it("may have fields that this one does not know", () => {
    expect(configCodec.decode({ ...stored, invented_later: { a: 1 } }, BASE)).toEqual(BASE);
  });

  it("has the base's value of a field that it did not know", () => {
    const { breaker: _, ...older } = stored;
    const base = { ...BASE, breaker: { ...BASE.breaker, failuresInARow: 9 } };
    expect(configCodec.decode(older, base).breaker.failuresInARow).toBe(9);
  });
});
