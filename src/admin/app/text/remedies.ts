/** What helps against a provider's failures, by their class as the contract names it. */

const LATER = "It is asked again by itself. If it lasts, ask another target first in Orchestration Config.";
const SLOW = "Let it have more time, or ask another target first, in Orchestration Config.";
const CALLERS = "Look at the calls: it is what they ask for, and no other target would take it.";

const REMEDIES: Readonly<Record<string, string>> = {
  connection: "Check the network and the provider's base URL. Other targets answer meanwhile.",
  connect_timeout: "Check the network and the provider's base URL. Other targets answer meanwhile.",
  header_timeout: SLOW,
  first_token_timeout: SLOW,
  byte_silence: SLOW,
  content_silence: SLOW,
  rate_limited: "Ask the provider for a higher limit, or ask another target first in Orchestration Config.",
  quota_exhausted: "Top up the account at the provider, or ask another target first in Orchestration Config.",
  server_error: LATER,
  overloaded: LATER,
  context_length: CALLERS,
  content_filtered: CALLERS,
  rejected: CALLERS,
  model_not_found: "The provider does not serve this model: choose another in Orchestration Config.",
  protocol: "Check the provider's base URL: what answers there does not speak its language.",
  truncated: LATER,
};

/** @param keyVariable the variable the provider's key is read from; undefined: it needs none */
export function findRemedy(outcome: string, keyVariable: string | undefined): string | undefined {
  if (outcome === "unauthenticated")
    return `Set ${keyVariable ?? "its key"} to a valid key, and call ReloadProviders or restart.`;
  return REMEDIES[outcome];
}
