/** The limits of keys over this process, and over all replicas on one Postgres. */
import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Admission } from "../admission/admission.ts";
import type { EngineObserver } from "../completion/call.ts";
import { startExchange } from "../limits/exchange.ts";
import { type Door, limitedAdmission } from "../limits/limited-admission.ts";
import { Limiter } from "../limits/limiter.ts";
import type { KeyLimits } from "../limits/types.ts";
import { tokenCount } from "../pricing/cost.ts";
import type { OpenDatabase } from "../store/database.ts";
import { failureFields } from "../store/failure.ts";
import { exchangeUsage } from "../store/limit-usage.ts";
import { isWorthALine } from "../store/retry.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export type LimitsParts = Readonly<{
  limitsOf(keyId: string): KeyLimits | undefined;
  database: Pick<OpenDatabase, "db" | "engine">;
  metrics: Pick<Metrics, "rateLimited">;
  log: Log;
}>;

export type RunningLimits = Readonly<{
  /** Before the room of the service come the limits of the key. */
  before(admission: Pick<Admission, "enter">): Door;
  /** Counts what executions use. */
  counting(observer: EngineObserver): EngineObserver;
  close(): void;
}>;

export function startLimits({
  limitsOf,
  database: { db, engine },
  metrics,
  log,
}: LimitsParts): RunningLimits {
  const nowMs = () => performance.now();
  const limiter = new Limiter({ limitsOf, nowMs, onRefusal: (limit) => metrics.rateLimited.inc({ limit }) });
  const replicaId = randomUUID();
  let failures = 0;
  const onFailure = (error: unknown) => {
    failures += 1;
    if (!isWorthALine(failures)) return;
    const message = "Replicas cannot tell each other what keys have taken; limits hold for each by itself";
    log.warn(message, { ...failureFields(error), failures });
  };
  const exchange = startExchange({
    limiter,
    // The embedded database has one process.
    exchange: async (usage) => {
      if (engine === "pglite") return new Map();
      const heard = await exchangeUsage(db, replicaId, usage);
      failures = 0;
      return heard;
    },
    onFailure,
  });
  return {
    before: (admission) => limitedAdmission(admission, limiter, nowMs),
    counting: (observer) => ({
      ...observer,
      onExecution(record, overheadMs) {
        limiter.charge(record.keyId ?? "", tokenCount(record.tokens));
        observer.onExecution(record, overheadMs);
      },
    }),
    close: exchange.stop,
  };
}
