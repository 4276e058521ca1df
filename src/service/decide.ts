import { defaultDecision, route } from "../routing/router.ts";
import type { ProviderState, RoutingConfig, RoutingRequest, RoutingResult } from "../routing/types.ts";
import type { Log } from "../telemetry/log.ts";

/** Routes, and when the router itself breaks, which is a fault of ours, gives the configured default instead of an error. */
export function decide(
  request: RoutingRequest,
  config: RoutingConfig,
  state: ProviderState,
  log: Log,
): RoutingResult {
  try {
    return route(request, config, state);
  } catch (error) {
    log.error("the router failed; the default target was chosen", {
      error: error instanceof Error ? error.name : typeof error,
    });
    return { ok: true, decision: defaultDecision(config, state, request) };
  }
}
