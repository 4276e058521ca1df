/** Callers with keys, at every door. */
import type { DescMethod, MessageShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { AccessRole } from "../../gen/modeltier/v1/api_key_pb.js";
import type { Role } from "../../src/access/types.ts";
import { SERVICE_RULES } from "../../src/rpc/access-rules.ts";
import type { RunningService } from "./service.ts";

export const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

export const ROLE: Readonly<Record<Role, AccessRole>> = {
  caller: AccessRole.CALLER,
  operator: AccessRole.OPERATOR,
  admin: AccessRole.ADMIN,
};

export const DOORS = ["grpc", "connect", "grpc-web"] as const;
export type Door = (typeof DOORS)[number];

export function transportTo({ grpcAddress, httpUrl }: RunningService, door: Door): Transport {
  switch (door) {
    case "grpc":
      return createGrpcTransport({ baseUrl: `http://${grpcAddress}` });
    case "connect":
      return createConnectTransport({ baseUrl: httpUrl, httpVersion: "1.1" });
    case "grpc-web":
      return createGrpcWebTransport({ baseUrl: httpUrl, httpVersion: "1.1" });
  }
}

/** Makes a key by RPC. */
export async function makeKey(
  access: Client<typeof AccessService>,
  admin: string,
  role: Role,
  name: string = role,
): Promise<Readonly<{ keyId: string; secret: string }>> {
  const { apiKey, secret } = await access.createApiKey({ name, role: ROLE[role] }, bearer(admin));
  return { keyId: apiKey?.keyId ?? "", secret };
}

export const accessOf = (service: RunningService, door: Door = "grpc") =>
  createClient(AccessService, transportTo(service, door));

/** Every method of the contract. */
export const METHODS: readonly DescMethod[] = SERVICE_RULES.flatMap(({ service }) => service.methods);

export const nameOf = ({ parent, name }: DescMethod): string => `${parent.typeName}/${name}`;

/** Asks with an empty request, and reads no further than the first answer. @returns the code, undefined when it went well */
export async function codeOf(
  transport: Transport,
  method: DescMethod,
  key: string | undefined,
): Promise<Code | undefined> {
  const header = key === undefined ? undefined : bearer(key).headers;
  const leaving = new AbortController();
  const message: MessageShape<typeof method.input> = create(method.input);
  try {
    if (method.methodKind === "unary") {
      await transport.unary(method as never, leaving.signal, undefined, header, message as never);
    } else {
      const input = (async function* () {
        yield message;
      })();
      const stream = await transport.stream(
        method as never,
        leaving.signal,
        undefined,
        header,
        input as never,
      );
      for await (const _ of stream.message) break;
    }
    return undefined;
  } catch (error) {
    return ConnectError.from(error).code;
  } finally {
    leaving.abort();
  }
}

/** The code of a call that fails; it is an error when it does not. */
export async function refusalOf(call: Promise<unknown>): Promise<ConnectError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  if (outcome === undefined) throw new Error("the call was let in");
  return outcome;
}

export const NOT_LET_IN: readonly (Code | undefined)[] = [Code.Unauthenticated, Code.PermissionDenied];
