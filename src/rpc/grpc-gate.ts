/** Stands before what grpc-js serves beside the contract: health and reflection. The contract's methods have their guard. */
import {
  type ServerInterceptingCall as Call,
  ServerInterceptingCall,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import type { Access } from "../access/access.ts";
import { AccessError } from "../access/access-error.ts";
import { GRPC_RULES } from "./access-rules.ts";
import { grpcStatusOf, notLetIn } from "./errors.ts";
import { GrpcEvidence } from "./evidence.ts";
import { metadataOf } from "./grpc-adapter.ts";
import type { ServiceEntry } from "./service-entry.ts";

export function besideContract(
  services: readonly ServiceEntry[],
  access: Pick<Access, "admit">,
): ServerInterceptor {
  const guarded = new Set(
    services.flatMap(({ service }) => service.methods.map(({ name }) => `/${service.typeName}/${name}`)),
  );
  return ({ path }, next) => {
    if (guarded.has(path)) return next as Call;
    // A path without a rule is for nobody but admins: deny by default.
    const rule = GRPC_RULES[path.slice(1)] ?? "admin";
    if (rule === "anyone") return next as Call;
    return new ServerInterceptingCall(next, {
      start: (begin) =>
        begin({
          onReceiveMetadata: (metadata, pass) => {
            try {
              const { getPeer, getAuthContext } = bound(next as Call);
              access.admit(rule, new GrpcEvidence({ metadata, getPeer, getAuthContext }));
            } catch (error) {
              if (!(error instanceof AccessError)) throw error;
              const { code, details, header } = grpcStatusOf(notLetIn(error));
              (next as Call).sendStatus({ code, details, metadata: metadataOf(header) });
              return;
            }
            pass(metadata);
          },
        }),
    });
  };
}

const bound = (call: Call) => ({
  getPeer: () => call.getPeer(),
  getAuthContext: () => call.getAuthContext(),
});
