/** What is kept of a call with an idempotency key: its answer, or a failure that would come again. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.js";
import {
  type CompleteOnceResponse,
  CompleteOnceResponseSchema,
} from "../../../gen/modeltier/v1/completion_pb.js";
import { CompletionError } from "../../completion/completion-error.ts";
import { MAX_OUTCOME_BYTES, type Outcome } from "../../idempotency/idempotency.ts";
import { connectErrorOf } from "../errors.ts";
import { errorOfStatus, statusOf } from "../status.ts";

/** An answer too large to keep leaves a failure in its place: it was given, so it must not be made again. */
export function outcomeOfAnswer(answer: CompleteOnceResponse): Outcome {
  const bytes = toBinary(CompleteOnceResponseSchema, answer);
  if (bytes.length <= MAX_OUTCOME_BYTES) return { state: "answered", bytes };
  return failed(
    new CompletionError({
      code: "FAILED_PRECONDITION",
      reason: "IDEMPOTENCY_RESULT_TOO_LARGE",
      message: `The answer was given once; it is larger than ${MAX_OUTCOME_BYTES} bytes and was not kept. Ask again with another key.`,
      ...(answer.completed !== undefined && { executionId: answer.completed.executionId }),
    }),
  );
}

/**
 * Undefined: another try may end otherwise, so the key is to be freed. What was refused before a provider was asked is
 * among it: asking again costs nothing, and the configuration may have changed.
 */
export function findOutcomeOfFailure(error: unknown): Outcome | undefined {
  if (!(error instanceof CompletionError) || error.executionId === undefined) return undefined;
  const isFinal = error.code === "INVALID_ARGUMENT" || error.reason === "CONTENT_FILTERED";
  // Whoever is told again holds no part of an answer.
  return isFinal
    ? failed(new CompletionError({ ...error, message: error.message, partial: false }))
    : undefined;
}

const failed = (error: CompletionError): Outcome => ({
  state: "failed",
  bytes: toBinary(StatusSchema, statusOf(connectErrorOf(error))),
});

/** @throws ConnectError the failure that was kept */
export function answerOf({ state, bytes }: Outcome): CompleteOnceResponse {
  if (state === "failed") throw failureOf(bytes);
  const answer = fromBinary(CompleteOnceResponseSchema, bytes);
  if (answer.completed !== undefined) answer.completed.replayed = true;
  return answer;
}

function failureOf(bytes: Uint8Array): ConnectError {
  return errorOfStatus(fromBinary(StatusSchema, bytes), { replayed: "true" });
}
