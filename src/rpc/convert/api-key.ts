/** Keys in the contract's words and in ours. */
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  AccessRole,
  type ApiKey,
  ApiKeySchema,
  KeyLimitsSchema,
} from "../../../gen/modeltier/v1/api_key_pb.js";
import { ROLES, type Role, type StoredKey } from "../../access/types.ts";

const PROTO_ROLE: Readonly<Record<Role, AccessRole>> = {
  caller: AccessRole.CALLER,
  operator: AccessRole.OPERATOR,
  admin: AccessRole.ADMIN,
};

export const roleToProto = (role: Role): AccessRole => PROTO_ROLE[role];

/** undefined for one that is not said or not known. */
export const roleFromProto = (role: AccessRole): Role | undefined =>
  ROLES.find((word) => PROTO_ROLE[word] === role);

export function apiKeyToProto(key: StoredKey): ApiKey {
  const { keyId, name, role, createdAt, createdBy, expiresAt, revokedAt, previous, limits } = key;
  return create(ApiKeySchema, {
    keyId,
    name,
    role: PROTO_ROLE[role],
    createdAt: timestampFromDate(createdAt),
    createdBy,
    ...(expiresAt && { expiresAt: timestampFromDate(expiresAt) }),
    ...(revokedAt && { revokedAt: timestampFromDate(revokedAt) }),
    ...(previous && { previousSecretExpiresAt: timestampFromDate(previous.expiresAt) }),
    ...(limits && { limits: create(KeyLimitsSchema, limits) }),
  });
}
