/** Experiments over this process's configuration: calls are drawn from memory, and what they show is learned behind them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ActiveConfig } from "../config/active-config.ts";
import type { ConfigDocument } from "../config/document.ts";
import { type Drawn, draw } from "../experiments/draw.ts";
import {
  type ExperimentArm,
  type KnownExperiment,
  liveArms,
  type RunningExperiment,
} from "../experiments/types.ts";
import type { DecisionExperiment, RoutingConfig, RoutingRequest } from "../routing/types.ts";
import type { ConfigProblem } from "../routing/validate-config.ts";
import type { OpenDatabase } from "../store/database.ts";
import { learnUnits } from "../store/experiment-evidence.ts";
import { deleteSpentUnits, listDue } from "../store/experiment-units.ts";
import { findRunning } from "../store/experiments.ts";
import { saidNowAndThen, startSweeper } from "../store/sweeper.ts";
import type { Log } from "../telemetry/log.ts";

export type ExperimentsParts = Readonly<{
  database: Pick<OpenDatabase, "db" | "analytics">;
  active: ActiveConfig;
  /** The configuration of an arm over one in force; undefined: the two make no valid one. */
  documentOf(inForce: ConfigDocument, arm: ExperimentArm): ConfigDocument | undefined;
  resolve(document: ConfigDocument, version: number): RoutingConfig;
  log: Log;
  /** In [0, 1). */
  random?: () => number;
  /** Between two looks for what other replicas changed. */
  followEveryMs?: number;
  /** Between two looks for units whose time is over. */
  learnEveryMs?: number;
}>;

export type Experiments = Readonly<{
  /** From memory; undefined: the call has the configuration in force. */
  draw(request: RoutingRequest): Drawn | undefined;
  /** Of an arm; undefined: it is not drawn into any more. */
  configOf(experiment: DecisionExperiment): RoutingConfig | undefined;
  /** Configurations of arms. */
  configs(): Iterable<RoutingConfig>;
  /** Why a document cannot be published while an experiment runs. */
  listConflicts(document: ConfigDocument): readonly ConfigProblem[];
  /** Looks what runs now. Rejects when the database does not answer. */
  refresh(): Promise<void>;
  /** Resolves once it is known what runs, or the database has had its time to say so. */
  ready(): Promise<void>;
  stop(): void;
}>;

/** For the database to say what runs before the service starts without its word. */
const FIRST_WORD_MS = 1_000;
const FOLLOW_EVERY_MS = 2_000;
const LEARN_EVERY_MS = 2_000;
/** In one transaction. */
const UNITS_AT_A_TIME = 500;
const SPENT_AT_A_TIME = 5_000;

export function startExperiments(parts: ExperimentsParts): Experiments {
  const { database, active, documentOf, resolve, log, random = Math.random } = parts;
  let known: KnownExperiment | undefined;
  let running: RunningExperiment | undefined;
  /** Looks that were begun, and the latest of those that have ended. */
  const looks = { begun: 0, ended: 0 };

  function take(next: KnownExperiment | undefined, inForce = active.current): void {
    known = next;
    running = next && runningOf(next, inForce);
  }

  function runningOf(next: KnownExperiment, inForce: ActiveConfig["current"]): RunningExperiment | undefined {
    const { experiment, state } = next;
    const configs = new Map<string, RoutingConfig>();
    for (const arm of liveArms(experiment, state)) {
      const document = documentOf(inForce.document, arm);
      if (document === undefined) {
        log.error("an experiment cannot be run over the configuration in force; its calls have that", {
          experiment: experiment.experimentId,
          arm: arm.name,
          config_version: inForce.config.version,
        });
        return undefined;
      }
      configs.set(arm.name, resolve(document, inForce.config.version));
    }
    return { experiment, split: state.split, configs };
  }

  active.follow((inForce) => take(known, inForce));

  async function refresh(): Promise<void> {
    looks.begun += 1;
    const own = looks.begun;
    const next = await findRunning(database.db);
    if (own < looks.ended) return; // one that began later has seen more
    looks.ended = own;
    // Everything that matters to a call has another split, or another experiment.
    const isSame =
      next?.experiment.experimentId === known?.experiment.experimentId &&
      next?.state.split === known?.state.split;
    if (!isSame) take(next);
  }

  /** @returns whether more may be due */
  async function learnSome(): Promise<boolean> {
    let isMore = false;
    for (const experimentId of await listDue(database.analytics)) {
      const { units, stopped } = await learnUnits(database.analytics, experimentId, UNITS_AT_A_TIME);
      for (const { arm, why } of stopped) {
        log.warn("a guardrail took an arm out of an experiment", { experiment: experimentId, arm, why });
      }
      if (stopped.length > 0) await refresh();
      isMore ||= units === UNITS_AT_A_TIME;
    }
    if (isMore) return true;
    return (await deleteSpentUnits(database.analytics, SPENT_AT_A_TIME)) === SPENT_AT_A_TIME;
  }

  const sweepers = [
    startSweeper({
      doSome: saidNowAndThen(async () => {
        await refresh();
        return false;
      }),
      complaint: "Experiments could not be looked up; calls go on as they did",
      log,
      random,
      intervalMs: parts.followEveryMs ?? FOLLOW_EVERY_MS,
    }),
    startSweeper({
      doSome: saidNowAndThen(learnSome),
      complaint: "What units of an experiment show could not be counted; trying again later",
      log,
      random,
      intervalMs: parts.learnEveryMs ?? LEARN_EVERY_MS,
    }),
  ];
  return {
    draw: (request) => running && draw(running, request),
    configOf: ({ id, arm }) =>
      running?.experiment.experimentId === id ? running.configs.get(arm) : undefined,
    configs: () => running?.configs.values() ?? [],
    listConflicts: (document) => {
      if (known === undefined) return [];
      const { experiment, state } = known;
      return liveArms(experiment, state)
        .filter((arm) => documentOf(document, arm) === undefined)
        .map(({ name, fields }) => ({
          path: fields[0]?.split(".")[0] ?? "",
          message: `makes no valid configuration with what arm ${name} of experiment ${experiment.experimentId} has of its own: stop the experiment first`,
        }));
    },
    refresh,
    ready: async () => {
      const first = refresh().catch(() => undefined); // the sweeper tries again, and complains
      await Promise.race([first, sleep(FIRST_WORD_MS, undefined, { ref: false })]);
    },
    stop: () => {
      for (const sweeper of sweepers) sweeper.stop();
    },
  };
}
