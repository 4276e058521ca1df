import type { OnceAnswer } from "../../completion/complete-once.ts";
import type { CompletedEvent, EngineEvent } from "../../completion/events.ts";
import type { Decision, ModelTarget } from "../../routing/types.ts";

/** What can be said of a call: some of it at its first content, all of it at its end. */
export type Known = Readonly<{
  executionId: string;
  decision: Decision;
  /** Who answers. */
  served: ModelTarget;
  /** Calls of providers so far. */
  attempts: number;
  completed?: CompletedEvent;
}>;

export const knownOf = ({ decision, completed }: OnceAnswer): Known => ({
  executionId: completed.executionId,
  decision,
  served: completed.served,
  attempts: completed.attempts.length,
  completed,
});

/** Follows a call's events. */
export class Progress {
  #decided: Extract<EngineEvent, { kind: "decision" }> | undefined;
  #completed: CompletedEvent | undefined;
  #attempts = 0;
  /** By number. Two at most, and one when content comes. */
  readonly #running = new Map<number, ModelTarget>();

  note(event: EngineEvent): void {
    switch (event.kind) {
      case "decision":
        this.#decided = event;
        break;
      case "attempt_started":
        this.#attempts += 1;
        this.#running.set(event.attempt, event.target);
        break;
      case "attempt_failed":
        this.#running.delete(event.attempt);
        break;
      case "completed":
        this.#completed = event;
    }
  }

  get isCompleted(): boolean {
    return this.#completed !== undefined;
  }

  /** @throws Error before the decision, which comes first */
  get known(): Known {
    if (this.#decided === undefined) throw new Error("the engine's first event is the decision");
    const { executionId, decision } = this.#decided;
    const [running = decision.targets[0]] = this.#running.values();
    return {
      executionId,
      decision,
      served: this.#completed?.served ?? running,
      attempts: this.#attempts,
      ...(this.#completed !== undefined && { completed: this.#completed }),
    };
  }
}
