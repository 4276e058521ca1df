/** Who changes something for everyone, in their own words, as the audit log keeps it. */
import { type FieldPath, requireLength, Violations } from "./violations.ts";

const LONGEST_AUTHOR = 256;

/** What is said where nothing is. */
export const authorOf = (given: string): string => (given === "" ? "operator" : given);

/** @throws InvalidRequestError */
export function readAuthor(given: string): string {
  const found = new Violations();
  checkAuthor(found, given);
  found.throwIfAny();
  return authorOf(given);
}

export const checkAuthor = (found: Violations, given: string): void =>
  checkWords(found, given, LONGEST_AUTHOR, ["author"]);

/** Words that the database keeps as they are. */
export function checkWords(found: Violations, given: string, limit: number, path: FieldPath): void {
  requireLength(found, given, limit, path);
  found.require(!given.includes("\0"), path, "holds a NUL character, which cannot be stored: leave it out");
}
