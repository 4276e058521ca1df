/** Lets calls of RPCs in, the same on both listeners. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Access, Evidence } from "../access/access.ts";
import { ruleOf } from "./access-rules.ts";
import { EVIDENCE, setIdentity } from "./caller.ts";
import { GrpcHandlerContext } from "./grpc-context.ts";

export type Authorize = (context: HandlerContext) => void;

/**
 * What stands before a method. It throws when the caller may not call it, and lets the method know who calls.
 * @throws Error when the method has no rule
 */
export function authorizer(access: Pick<Access, "admit">): (method: DescMethod) => Authorize {
  return (method) => {
    const rule = ruleOf(method);
    return (context) => setIdentity(context, access.admit(rule, evidenceOf(context)));
  };
}

function evidenceOf(context: HandlerContext): Evidence {
  if (context instanceof GrpcHandlerContext) return context.evidence;
  const evidence = context.values.get(EVIDENCE);
  if (evidence === undefined) throw new Error("the listener says nothing of the caller");
  return evidence;
}
