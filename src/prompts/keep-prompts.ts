/** Follows calls to their end and hands their texts on. The calls themselves know nothing of it. */
import type { CompletionCall } from "../completion/call.ts";
import type { OnceAnswer } from "../completion/complete-once.ts";
import { CompletionError } from "../completion/completion-error.ts";
import type { EngineEvent } from "../completion/events.ts";
import { Gathered } from "../completion/gathered.ts";
import { answerOf, type StoredAnswer } from "./content.ts";
import type { PromptKeeper } from "./prompt-keeper.ts";

/** What every door calls. */
export type Calls = Readonly<{
  complete(call: CompletionCall): AsyncIterable<readonly EngineEvent[]>;
  completeOnce(call: CompletionCall): Promise<OnceAnswer>;
}>;

/** The same calls, their texts kept unless a call asks for the contrary. A call that never became an execution leaves none. */
export function keepPrompts({ complete, completeOnce }: Calls, keeper: Pick<PromptKeeper, "keep">): Calls {
  const keep = (call: CompletionCall, executionId: string | undefined, answer: StoredAnswer | undefined) => {
    if (executionId === undefined) return;
    const { request, keyId = "", messages } = call;
    keeper.keep({
      executionId,
      agentId: request.agentId,
      keyId,
      messages,
      ...(answer !== undefined && { answer }),
    });
  };

  async function* followed(call: CompletionCall): AsyncGenerator<readonly EngineEvent[], void, undefined> {
    const gathered = new Gathered();
    let isKept = false;
    const end = (): void => {
      const { decided, completed, answer } = gathered;
      if (!isKept) keep(call, decided?.executionId, answerOf(answer, completed !== undefined));
      isKept = true;
    };
    try {
      for await (const events of complete(call)) {
        for (const event of events) gathered.add(event);
        // Before its caller can know of the end, and ask for the texts to be deleted.
        if (gathered.completed !== undefined) end();
        yield events;
      }
    } finally {
      end();
    }
  }

  async function followedOnce(call: CompletionCall): Promise<OnceAnswer> {
    try {
      const answer = await completeOnce(call);
      keep(call, answer.completed.executionId, answerOf(answer, true));
      return answer;
    } catch (error) {
      if (error instanceof CompletionError) keep(call, error.executionId, undefined);
      throw error;
    }
  }

  return {
    complete: (call) => (call.withoutPromptStorage ? complete(call) : followed(call)),
    completeOnce: (call) => (call.withoutPromptStorage ? completeOnce(call) : followedOnce(call)),
  };
}
