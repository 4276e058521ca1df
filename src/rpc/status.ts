/** A Connect error as a google.rpc.Status message, and back: how gRPC sends it, and how it can be kept. */
import { create, createRegistry, isMessage } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.js";

/** Every kind of detail that this service sends. */
const DETAILS = createRegistry(BadRequestSchema, ErrorInfoSchema, QuotaFailureSchema, RetryInfoSchema);

/** Its code, message and details; the metadata stays behind. */
export function statusOf({ code, rawMessage, details }: ConnectError): Status {
  return create(StatusSchema, { code, message: rawMessage.toWellFormed(), details: details.flatMap(packed) });
}

/** @param facts added to the metadata of its ErrorInfo */
export function errorOfStatus(
  { code, message, details }: Status,
  facts: Readonly<Record<string, string>>,
): ConnectError {
  const unpacked = details.flatMap((detail) => {
    const value = anyUnpack(detail, DETAILS);
    const desc = value && DETAILS.getMessage(value.$typeName);
    if (desc === undefined) return [];
    if (isMessage(value, ErrorInfoSchema)) Object.assign(value.metadata, facts);
    return [{ desc, value: { ...value } }];
  });
  return new ConnectError(message, code, undefined, unpacked);
}

const packed = (detail: ConnectError["details"][number]) =>
  "desc" in detail ? [anyPack(detail.desc, create(detail.desc, detail.value))] : [];
