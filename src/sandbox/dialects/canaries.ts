/** Strings that a client must never repeat: found in a log, a metric or an answer, they show a leak. */

/** Looks like a provider key; the text of the `auth` fault quotes it. */
export const KEY_CANARY = "sk-sandbox-CANARY-0123456789abcdefghijklmnop";

/** Stands in malformed chunks and HTML pages. */
export const PAYLOAD_CANARY = "SANDBOX-CANARY-PAYLOAD-7f3a91";
