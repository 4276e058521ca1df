import { fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { type RoutingConfig, RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import type { ConfigCodec } from "../../config/config-versions.ts";
import type { ConfigDocument } from "../../config/document.ts";
import { readConfig } from "../validate/config.ts";
import { configToProto } from "./routing-config.ts";

/** In the contract's field names, with every field that has no presence: two documents differ where their JSON does. */
export const configJson = (message: RoutingConfig): JsonObject =>
  toJson(RoutingConfigSchema, message, { useProtoFieldName: true, alwaysEmitImplicit: true }) as JsonObject;

export const documentJson = (document: ConfigDocument): JsonObject => configJson(configToProto(document));

/** What a newer release added is left out, and what an older one did not have is taken from the base. */
export const configCodec: ConfigCodec = {
  encode: documentJson,
  decode(stored, base) {
    const json = { ...documentJson(base), ...(stored as JsonObject) };
    const message = fromJson(RoutingConfigSchema, json, { ignoreUnknownFields: true });
    const { document } = readConfig(message, () => [], []);
    if (document === undefined) throw new Error("the stored configuration is not whole");
    return document;
  },
};
