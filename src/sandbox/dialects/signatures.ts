/** Signatures of thinking, as the sandbox makes and checks them: another one each time, and each proves one text. */
import { hash } from "node:crypto";

const PREFIX = "sandbox-";
const NONCE_LENGTH = 16;

/** @param nonce at least 16 letters and digits */
export function sign(thinking: string, nonce: string): string {
  const own = nonce.slice(0, NONCE_LENGTH);
  return `${PREFIX}${own}${hash("sha256", `${own}\n${thinking}`)}`;
}

/** Whether a signature was made here for exactly this text. */
export const isSigned = (thinking: string, signature: string): boolean =>
  signature === sign(thinking, signature.slice(PREFIX.length));
