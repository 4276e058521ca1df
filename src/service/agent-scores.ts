/** Agents' scores over this process's configuration: learned from the database behind the calls, and read from memory by them. */
import { performance } from "node:perf_hooks";
import { KnownAgents } from "../agent-score/known-agents.ts";
import { learningSettings } from "../agent-score/settings.ts";
import type { AgentHistory, Level } from "../agent-score/types.ts";
import type { RoutingConfig } from "../routing/types.ts";
import { learnOutcomes, readLatestStates, readStates } from "../store/agent-scores.ts";
import type { OpenDatabase } from "../store/database.ts";
import { saidNowAndThen, startSweeper } from "../store/sweeper.ts";
import type { Log } from "../telemetry/log.ts";

export type AgentScoresParts = Readonly<{
  database: Pick<OpenDatabase, "analytics">;
  config: () => RoutingConfig;
  /** Some calls go by what was learned; absent: as the configuration says. */
  isServed?: () => boolean;
  log: Log;
  /** In [0, 1). */
  random?: () => number;
  /** Between two looks for outcomes that are due. */
  learnEveryMs?: number;
  /** Between two reads of what calls asked for. */
  readEveryMs?: number;
  /** How old what is known of an agent may be. */
  staleMs?: number;
}>;

export type AgentScores = Readonly<{
  /** What was learned of an agent, where that counts; from memory. */
  historyOf(agentId: string, config: RoutingConfig): AgentHistory | undefined;
  /** What was learned of everyone; from memory. Undefined: nothing is learned. */
  fleet(): Level | undefined;
  stop(): void;
}>;

/** With some 2 kB each, 20 MB. */
const MOST_AGENTS = 10_000;
/** Read at the start, so that a new process knows those that called last. */
const FIRST_AGENTS = 1_000;
/** In one statement. */
const AGENTS_AT_A_TIME = 500;
/** Executions in one transaction. */
const OUTCOMES_AT_A_TIME = 500;
const LEARN_EVERY_MS = 2_000;
const READ_EVERY_MS = 500;
const STALE_MS = 5_000;
const FLEET_EVERY_MS = 30_000;

export function startAgentScores(parts: AgentScoresParts): AgentScores {
  const { config, log, random = Math.random } = parts;
  const isServed = parts.isServed ?? (() => config().agentScore?.serve === true);
  const { analytics } = parts.database;
  const known = new KnownAgents({
    most: MOST_AGENTS,
    staleMs: parts.staleMs ?? STALE_MS,
    nowMs: () => performance.now(),
  });
  let isFirstRead = true;
  let fleetDueMs = 0;

  /** @returns whether more may be due */
  async function learnSome(): Promise<boolean> {
    const { agentScore } = config();
    if (agentScore?.learn !== true) return false;
    const learned = await learnOutcomes(analytics, learningSettings(agentScore), OUTCOMES_AT_A_TIME);
    return learned === OUTCOMES_AT_A_TIME;
  }

  /** @returns whether more are wanted */
  async function readSome(): Promise<boolean> {
    if (!isServed()) return readFleetNowAndThen();
    if (isFirstRead) {
      const { fleet, agents } = await readLatestStates(analytics, FIRST_AGENTS);
      isFirstRead = false;
      known.fleet = fleet;
      known.put([...agents.keys()].toReversed(), agents);
    }
    const wanted = known.takeWanted(AGENTS_AT_A_TIME);
    if (wanted.length === 0) return false;
    const { fleet, agents } = await readStates(analytics, wanted);
    known.fleet = fleet;
    known.put(wanted, agents);
    return wanted.length === AGENTS_AT_A_TIME;
  }

  /** Where no call goes by it, operators want to know of it all the same. */
  async function readFleetNowAndThen(): Promise<boolean> {
    const nowMs = performance.now();
    if (config().agentScore?.learn !== true || nowMs < fleetDueMs) return false;
    fleetDueMs = nowMs + FLEET_EVERY_MS;
    known.fleet = (await readStates(analytics, [])).fleet;
    return false;
  }

  const learner = startSweeper({
    doSome: saidNowAndThen(learnSome),
    complaint: "Outcomes could not be learned from; trying again later",
    log,
    random,
    intervalMs: parts.learnEveryMs ?? LEARN_EVERY_MS,
  });
  const reader = startSweeper({
    doSome: saidNowAndThen(readSome),
    complaint: "What was learned of agents could not be read; calls go by what is known",
    log,
    random,
    firstMs: 0,
    intervalMs: parts.readEveryMs ?? READ_EVERY_MS,
  });
  return {
    historyOf(agentId, decidedBy) {
      if (decidedBy.agentScore?.serve !== true) return undefined;
      return { fleet: known.fleet, agent: known.find(agentId), nowMs: Date.now() };
    },
    fleet: () => (config().agentScore?.learn === true ? known.fleet : undefined),
    stop() {
      learner.stop();
      reader.stop();
    },
  };
}
