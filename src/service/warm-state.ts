import type { EngineObserver } from "../completion/call.ts";
import { WarmSessions } from "../completion/warm-sessions.ts";
import type { ProviderState } from "../routing/types.ts";

/** Learns from executions what the providers have cached of a session, and tells the router. */
export function warmStateOf(state: () => ProviderState, nowMs: () => number) {
  const sessions = new WarmSessions(nowMs);
  return {
    stateFor(sessionId: string): ProviderState {
      const warm = sessions.find(sessionId);
      return warm === undefined ? state() : { ...state(), warm };
    },
    learning: (observer: EngineObserver): EngineObserver => ({
      ...observer,
      onExecution(record, overheadMs) {
        sessions.note(record);
        observer.onExecution(record, overheadMs);
      },
    }),
  };
}
