import type { TargetHealth } from "../completion/target-health.ts";
import type { ProviderHub } from "../providers/hub.ts";
import type { ProviderState } from "../routing/types.ts";

/**
 * What the router is told of the providers: which can be called, how their targets fare, and the day. The same object
 * until one of them changes, so that asking per request costs nothing.
 */
export function providerStateOf(
  hub: ProviderHub,
  health: TargetHealth,
  wallDate: () => Date,
): () => ProviderState {
  let state: ProviderState | undefined;
  let day = { today: "", endsAtMs: 0 };
  return () => {
    const nowMs = wallDate().getTime();
    if (nowMs >= day.endsAtMs || nowMs < day.endsAtMs - DAY_MS) day = dayOf(nowMs);
    const { availability, sandbox } = hub.current;
    const targets = health.states();
    const isCurrent =
      state?.providers === availability &&
      state.targets === targets &&
      state.sandbox === sandbox &&
      state.today === day.today;
    if (state === undefined || !isCurrent)
      state = { today: day.today, sandbox, providers: availability, targets, isFull: health.isFull };
    return state;
  };
}

const DAY_MS = 86_400_000;

/** The UTC day of a moment. */
function dayOf(nowMs: number): { today: string; endsAtMs: number } {
  return {
    today: new Date(nowMs).toISOString().slice(0, 10),
    endsAtMs: (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS,
  };
}
