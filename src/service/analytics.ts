/** What happened and what it was worth, put together: the services, and the end of what goes on until it is ended. */
import { outcomeWaitMs } from "../agent-score/settings.ts";
import type { RoutingConfig } from "../routing/types.ts";
import { analyticsService } from "../rpc/analytics-service.ts";
import { feedbackService } from "../rpc/feedback-service.ts";
import type { ServiceEntry } from "../rpc/service-entry.ts";
import { Watchers } from "../rpc/watchers.ts";
import type { OpenDatabase } from "../store/database.ts";
import { mayBeOnItsWay } from "../store/execution-id.ts";
import type { Log } from "../telemetry/log.ts";

export type AnalyticsParts = Readonly<{
  database: Pick<OpenDatabase, "db" | "analytics">;
  config: () => RoutingConfig;
  log: Log;
}>;

export type Analytics = Readonly<{
  services: readonly ServiceEntry[];
  /** Ends the streams that watch, so that a drain does not wait for them. */
  endWatching(): void;
}>;

export function startAnalytics({ database, config, log }: AnalyticsParts): Analytics {
  const watchers = new Watchers();
  const wallDate = (): Date => new Date();
  return {
    services: [
      analyticsService({ db: database.analytics, config, watchers, wallDate, log }),
      feedbackService({
        db: database.db,
        mayBeOnItsWay: (id) => mayBeOnItsWay(id, wallDate()),
        outcomeWaitMs: () => outcomeWaitMs(config()),
        log,
      }),
    ],
    endWatching: () => watchers.close(),
  };
}
