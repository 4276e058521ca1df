/** What looks like a secret, taken out of texts before they are stored. */

/**
 * A short list of what can be told by its looks: keys of this service, of OpenAI, Anthropic, Kimi and those who name theirs alike, of
 * Google, GitHub and AWS, and bearer tokens. It finds no names, passwords or numbers of cards: whoever needs that masks before calling.
 *
 * Each is a fixed beginning and one run of characters, so that a text is read once, whatever stands in it.
 */
const SECRETS =
  /(?<![A-Za-z0-9])(?:mt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}|sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{35}|gh[opsru]_[A-Za-z0-9]{36,}|AKIA[A-Z0-9]{16}|[Bb]earer [A-Za-z0-9._~+/-]{16,}=*)/g;

const MASK = "[masked]";

export const maskSecrets = (text: string): string => text.replace(SECRETS, MASK);
