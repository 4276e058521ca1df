/** Who changes something for everyone, in their own words, as the audit log keeps it. */
import type { HandlerContext } from "@connectrpc/connect";
import { ADMIN_TOKEN_ID } from "../../access/types.ts";
import { identityOf } from "../caller.ts";
import { type FieldPath, requireLength, Violations } from "./violations.ts";

const LONGEST_AUTHOR = 256;

/** Where callers are told apart by their keys, the key stands beside what they call themselves, which nobody proves. */
export function authorOf(given: string, context: HandlerContext): string {
  const { keyId } = identityOf(context);
  if (keyId === "" || keyId === ADMIN_TOKEN_ID) return given === "" ? "operator" : given;
  return given === "" ? keyId : `${given} (${keyId})`;
}

/** @throws InvalidRequestError */
export function readAuthor(given: string, context: HandlerContext): string {
  const found = new Violations();
  checkAuthor(found, given);
  found.throwIfAny();
  return authorOf(given, context);
}

export const checkAuthor = (found: Violations, given: string): void =>
  checkWords(found, given, LONGEST_AUTHOR, ["author"]);

/** Words that the database keeps as they are. */
export function checkWords(found: Violations, given: string, limit: number, path: FieldPath): void {
  requireLength(found, given, limit, path);
  found.require(!given.includes("\0"), path, "holds a NUL character, which cannot be stored: leave it out");
}
