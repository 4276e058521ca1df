import { Code, ConnectError } from "@connectrpc/connect";

const REMEDIES: Partial<Record<Code, string>> = {
  [Code.Unauthenticated]: "Sign in again with the admin token.",
  [Code.Unavailable]:
    "The service or its database does not answer. What is on screen stays; it is asked again.",
  [Code.Unimplemented]:
    "This service does not offer that yet. Restart it with the version this page came with.",
  [Code.NotFound]: "Check the address, or go back to the list.",
  [Code.DeadlineExceeded]: "It took too long. Try again, or ask for a shorter span of time.",
  [Code.ResourceExhausted]: "Ask for less, or try again in a moment.",
};

/** What went wrong and what helps, in words. */
export function sayError(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  if (rawMessage === "Failed to fetch" || rawMessage === "Load failed") {
    return "The service cannot be reached. Is it running? What is on screen stays; it is asked again.";
  }
  const remedy = REMEDIES[code];
  const said = rawMessage === "" ? `The service answered ${Code[code]}` : rawMessage;
  const sentence = said.charAt(0).toUpperCase() + said.slice(1);
  return remedy === undefined
    ? `${sentence.replace(/\.$/, "")}.`
    : `${sentence.replace(/\.$/, "")}. ${remedy}`;
}
