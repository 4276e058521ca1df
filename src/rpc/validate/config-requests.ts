/** What else a request about configurations holds. */
import type { Publication } from "../../config/config-versions.ts";
import { authorOf, checkAuthor, checkWords } from "./author.ts";
import { type FieldPath, InvalidRequestError, Violations } from "./violations.ts";

const LONGEST_COMMENT = 1_024;
const PAGE = { usual: 50, most: 200 };

/** @throws InvalidRequestError */
export function versionNumber(version: bigint, path: FieldPath): number {
  if (version < 0n || version > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidRequestError([{ path, description: `is ${version}; versions count from 0` }]);
  }
  return Number(version);
}

export const findVersionNumber = (version: bigint | undefined, path: FieldPath): number | undefined =>
  version === undefined ? undefined : versionNumber(version, path);

/** @throws InvalidRequestError */
export function pageSizeOf({ pageSize }: Readonly<{ pageSize: number }>): number {
  if (pageSize < 0 || pageSize > PAGE.most) {
    const description = `is ${pageSize}; at most ${PAGE.most} are given at once, and 0 is ${PAGE.usual}`;
    throw new InvalidRequestError([{ path: ["page_size"], description }]);
  }
  return pageSize === 0 ? PAGE.usual : pageSize;
}

/** @param usual what is said where nothing is @throws InvalidRequestError */
export function publicationOf(
  { author, comment }: Readonly<{ author: string; comment: string }>,
  usual: string,
): Publication {
  const found = new Violations();
  checkWords(found, comment, LONGEST_COMMENT, ["comment"]);
  checkAuthor(found, author);
  found.throwIfAny();
  return { author: authorOf(author), comment: comment === "" ? usual : comment };
}
