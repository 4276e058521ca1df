/** AccessService's methods for keys, and for who calls. */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import {
  CreateApiKeyResponseSchema,
  GetIdentityResponseSchema,
  ListApiKeysResponseSchema,
  RevokeApiKeyResponseSchema,
  RotateApiKeyResponseSchema,
  SetApiKeyLimitsResponseSchema,
} from "../../gen/modeltier/v1/api_key_pb.js";
import { type KeyAdmin, PepperMissingError } from "../access/key-admin.ts";
import type { Identity } from "../access/types.ts";
import { identityOf, ownerFor } from "./caller.ts";
import { apiKeyToProto, roleToProto } from "./convert/api-key.ts";
import { refusal } from "./errors.ts";
import { NO_SUCH_KEY, readKeyId, readKeyWish, readLimitsOfKey, readRotation } from "./validate/api-key.ts";

type KeyMethods =
  | "createApiKey"
  | "listApiKeys"
  | "rotateApiKey"
  | "setApiKeyLimits"
  | "revokeApiKey"
  | "getIdentity";

/** @param fromStore tells the caller what to do when the database fails */
export function keyMethods(
  keys: Pick<KeyAdmin, "create" | "list" | "rotate" | "setLimits" | "revoke">,
  fromStore: <T>(asking: Promise<T>) => Promise<T>,
): Pick<ServiceImpl<typeof AccessService>, KeyMethods> {
  return {
    createApiKey: async (request, context) => {
      const wish = { ...readKeyWish(request), author: authorOf(identityOf(context)) };
      const { key, text } = await fromStore(keys.create(wish).catch(sayPepper));
      return create(CreateApiKeyResponseSchema, { apiKey: apiKeyToProto(key), secret: text });
    },
    listApiKeys: async ({ includeEnded: ended }, context) => {
      const keyId = ownerFor(context);
      const listed = await fromStore(keys.list({ ended, ...(keyId !== undefined && { keyId }) }));
      return create(ListApiKeysResponseSchema, { apiKeys: listed.map(apiKeyToProto) });
    },
    rotateApiKey: async (request, context) => {
      const { keyId, overlapMs } = readRotation(request);
      const author = authorOf(identityOf(context));
      const issued = await fromStore(keys.rotate(keyId, author, overlapMs).catch(sayPepper));
      if (issued === undefined) throw noSuchKey();
      return create(RotateApiKeyResponseSchema, { apiKey: apiKeyToProto(issued.key), secret: issued.text });
    },
    setApiKeyLimits: async (request, context) => {
      const { keyId, limits } = readLimitsOfKey(request);
      const key = await fromStore(keys.setLimits(keyId, limits, authorOf(identityOf(context))));
      if (key === undefined) throw noSuchKey();
      return create(SetApiKeyLimitsResponseSchema, { apiKey: apiKeyToProto(key) });
    },
    revokeApiKey: async (request, context) => {
      const keyId = readKeyId(request.keyId);
      const key = await fromStore(keys.revoke(keyId, authorOf(identityOf(context))));
      if (key === undefined) throw noSuchKey();
      return create(RevokeApiKeyResponseSchema, { apiKey: apiKeyToProto(key) });
    },
    getIdentity: (_, context) => {
      const { role, keyId, name, isOpen } = identityOf(context);
      return create(GetIdentityResponseSchema, { role: roleToProto(role), keyId, name, isOpen });
    },
  };
}

/** For the audit log. */
const authorOf = ({ keyId }: Identity): string => (keyId === "" ? "everybody" : keyId);

const noSuchKey = (): ConnectError => new ConnectError(`key_id ${NO_SUCH_KEY}`, Code.NotFound);

function sayPepper(error: unknown): never {
  if (!(error instanceof PepperMissingError)) throw error;
  throw refusal(error.message, Code.FailedPrecondition, "KEY_PEPPER_MISSING");
}
