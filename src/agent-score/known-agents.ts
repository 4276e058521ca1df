/** What a process knows of agents, in memory: as many as fit, each read again now and then while it calls. */
import { newAgent, newFleet } from "./agent-score.ts";
import type { AgentState, Level } from "./types.ts";

export type KnownAgentsOptions = Readonly<{
  /** Agents that are kept; beyond it those go that called longest ago. */
  most: number;
  /** How old a state may be before it is read again. */
  staleMs: number;
  /** Monotonic. */
  nowMs: () => number;
}>;

type Entry = { state: AgentState; readAtMs: number };

export class KnownAgents {
  readonly #options: KnownAgentsOptions;
  /** Those that called last stand last. */
  readonly #entries = new Map<string, Entry>();
  /** To be read; no more than are kept. */
  readonly #wanted = new Set<string>();
  fleet: Level = newFleet();

  constructor(options: KnownAgentsOptions) {
    this.#options = options;
  }

  /** What is known of an agent; of one that is not known yet nothing, until it has been read. Never waits. */
  find(agentId: string): AgentState {
    const { most, staleMs, nowMs } = this.#options;
    const entry = this.#entries.get(agentId);
    if (entry === undefined || nowMs() - entry.readAtMs >= staleMs) {
      if (this.#wanted.size < most) this.#wanted.add(agentId);
    }
    if (entry === undefined) return NOBODY;
    this.#entries.delete(agentId);
    this.#entries.set(agentId, entry);
    return entry.state;
  }

  /** Agents to be read now, at most so many. */
  takeWanted(most: number): readonly string[] {
    const taken = [...this.#wanted].slice(0, most);
    for (const agentId of taken) this.#wanted.delete(agentId);
    return taken;
  }

  /** Takes in what was read of them; of those that are missing there nothing was learned. */
  put(agentIds: Iterable<string>, states: ReadonlyMap<string, AgentState>): void {
    const readAtMs = this.#options.nowMs();
    for (const agentId of agentIds) {
      this.#entries.delete(agentId);
      this.#entries.set(agentId, { state: states.get(agentId) ?? NOBODY, readAtMs });
    }
    for (const agentId of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.most) break;
      this.#entries.delete(agentId);
    }
  }

  get size(): number {
    return this.#entries.size;
  }
}

const NOBODY = newAgent();
