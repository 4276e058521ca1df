/** Who calls: what a listener knows of it, and who it turned out to be. */
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Evidence } from "../access/access.ts";
import { type Identity, ownerOf, ownerOfTexts } from "../access/types.ts";

/** Set by the HTTP listener, which knows the connection. */
export const EVIDENCE = createContextKey<Evidence | undefined>(undefined, {
  description: "what is known of the caller",
});

/** A field of the context and no context value: values are made on demand, and this is needed in every call. */
const IDENTITY = Symbol("identity");
type Identified = HandlerContext & { [IDENTITY]?: Identity | undefined };

export function setIdentity(context: HandlerContext, identity: Identity | undefined): void {
  (context as Identified)[IDENTITY] = identity;
}

/** @throws Error when nobody was let in: the method is not to run */
export function identityOf(context: HandlerContext): Identity {
  const identity = (context as Identified)[IDENTITY];
  if (identity === undefined) throw new Error("nobody has been let in");
  return identity;
}

/** Of whoever calls, as far as callers are told apart; "" while the service is open to everybody. */
export const callerOf = (context: HandlerContext): string => identityOf(context).keyId;

/** Whose executions, budgets and keys the caller may see; undefined: everybody's. */
export const ownerFor = (context: HandlerContext): string | undefined => ownerOf(identityOf(context));

/** Whose stored texts the caller may read and delete; undefined: everybody's. */
export const textOwnerFor = (context: HandlerContext): string | undefined =>
  ownerOfTexts(identityOf(context));
