/** One request, and everything it is decided under. */
import type { ProviderState, RoutingConfig, RoutingRequest } from "./types.ts";

export type Situation = Readonly<{
  request: RoutingRequest;
  config: RoutingConfig;
  state: ProviderState;
  /** Estimated. */
  inputTokens: number;
  /** What the budget leaves for output once the input is paid; absent without a budget. */
  outputBudgetTokens?: number;
}>;
