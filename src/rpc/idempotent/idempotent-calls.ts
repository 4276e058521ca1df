/** Stands before Complete and CompleteOnce for calls with an idempotency key. */
import type { HandlerContext } from "@connectrpc/connect";
import type {
  CompleteOnceResponse,
  CompleteRequest,
  CompleteResponse,
} from "../../../gen/modeltier/v1/completion_pb.js";
import type { Begun, Claim, Idempotency } from "../../idempotency/idempotency.ts";
import { callerOf } from "../caller.ts";
import { LIMITS } from "../limits.ts";
import { eventsOf, GatheredAnswer } from "./answer.ts";
import { bodyHash } from "./body-hash.ts";
import { answerOf, findOutcomeOfFailure, outcomeOfAnswer } from "./outcome.ts";

/** Longer than a call outlives its deadline. */
const LEASE_MARGIN_MS = 30_000;

export class IdempotentCalls {
  readonly #idempotency: Idempotency;

  constructor(idempotency: Idempotency) {
    this.#idempotency = idempotency;
  }

  /**
   * The events of `run`, or those of the answer that an equal call was given.
   * @throws IdempotencyError, and what `run` throws
   */
  async *stream(
    request: CompleteRequest,
    context: HandlerContext,
    run: () => AsyncIterable<CompleteResponse>,
  ): AsyncGenerator<CompleteResponse, void> {
    const begun = await this.#begin(request, context);
    if (begun.kind === "replay") yield* eventsOf(answerOf(begun.outcome));
    else yield* keepingAnswer(begun.claim, run);
  }

  /** The same for a whole answer. */
  async once(
    request: CompleteRequest,
    context: HandlerContext,
    run: () => Promise<CompleteOnceResponse>,
  ): Promise<CompleteOnceResponse> {
    const begun = await this.#begin(request, context);
    if (begun.kind === "replay") return answerOf(begun.outcome);
    const { claim } = begun;
    try {
      const answer = await run();
      await claim.settle(outcomeOfAnswer(answer));
      return answer;
    } catch (error) {
      await endFailed(claim, error);
      throw error;
    }
  }

  #begin(request: CompleteRequest, context: HandlerContext): Promise<Begun> {
    return this.#idempotency.begin({
      scope: callerOf(context),
      key: request.idempotencyKey,
      bodyHash: bodyHash(request),
      leaseMs: Math.min(context.timeoutMs() ?? LIMITS.callMs, LIMITS.callMs) + LEASE_MARGIN_MS,
    });
  }
}

/** The answer is kept before `completed` is sent, so that whoever has seen it can rely on the key. */
async function* keepingAnswer(
  claim: Claim,
  run: () => AsyncIterable<CompleteResponse>,
): AsyncGenerator<CompleteResponse, void> {
  const gathered = new GatheredAnswer();
  try {
    for await (const message of run()) {
      gathered.add(message);
      const { event } = message;
      if (event.case === "completed") await claim.settle(outcomeOfAnswer(gathered.whole(event.value)));
      yield message;
    }
  } catch (error) {
    await endFailed(claim, error);
    throw error;
  } finally {
    await claim.release();
  }
}

async function endFailed(claim: Claim, error: unknown): Promise<void> {
  const outcome = findOutcomeOfFailure(error);
  await (outcome === undefined ? claim.release() : claim.settle(outcome));
}
