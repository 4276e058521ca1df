import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { CompleteOnceResponseSchema } from "../../../gen/modeltier/v1/completion_pb.js";
import { CompletionError, type CompletionErrorDetails } from "../../completion/completion-error.ts";
import { answerOf, findOutcomeOfFailure, outcomeOfAnswer } from "./outcome.ts";

const answerWith = (text: string) =>
  create(CompleteOnceResponseSchema, { text, completed: { executionId: "execution-1" } });

const errorWith = (details: Partial<CompletionErrorDetails>) =>
  new CompletionError({
    code: "INVALID_ARGUMENT",
    reason: "CONTEXT_LENGTH",
    message: "Too long.",
    executionId: "execution-1",
    ...details,
  });

/** The failure that a repeated call is told. */
function toldAgain(outcome: ReturnType<typeof findOutcomeOfFailure>): ConnectError {
  if (outcome === undefined) throw new Error("nothing was kept");
  try {
    answerOf(outcome);
  } catch (error) {
    return error as ConnectError;
  }
  throw new Error("it is an answer");
}
const metadataOf = (error: ConnectError) => error.findDetails(ErrorInfoSchema)[0]?.metadata;

describe("what is kept of a call", () => {
  it("is its answer, given again as a replay", () => {
    const again = answerOf(outcomeOfAnswer(answerWith("hello")));
    expect(again).toMatchObject({ text: "hello", completed: { executionId: "execution-1", replayed: true } });
  });

  it("is that there was one, when it is larger than 4 MiB", () => {
    const roomy = answerWith("x".repeat(4 * 1024 * 1024 - 100));
    expect(answerOf(outcomeOfAnswer(roomy)).text).toBe(roomy.text);
    const refused = toldAgain(outcomeOfAnswer(answerWith("x".repeat(4 * 1024 * 1024))));
    expect(refused.code).toBe(Code.FailedPrecondition);
    expect(refused.findDetails(ErrorInfoSchema)[0]?.reason).toBe("IDEMPOTENCY_RESULT_TOO_LARGE");
    expect(metadataOf(refused)).toEqual({ execution_id: "execution-1", replayed: "true" });
  });

  it.each([
    ["a refused request", errorWith({})],
    ["refused content", errorWith({ code: "FAILED_PRECONDITION", reason: "CONTENT_FILTERED" })],
  ])("is %s, told again word for word", (_, error) => {
    const again = toldAgain(findOutcomeOfFailure(error));
    expect(again.rawMessage).toBe("Too long.");
    expect(again.findDetails(ErrorInfoSchema)[0]?.reason).toBe(error.reason);
    expect(metadataOf(again)).toEqual({ execution_id: "execution-1", replayed: "true" });
  });

  it("is not that a part of the answer was delivered: whoever is told again has none", () => {
    const again = toldAgain(findOutcomeOfFailure(errorWith({ partial: true, deliveredTokens: 7 })));
    expect(metadataOf(again)).not.toHaveProperty("partial");
  });

  it.each([
    ["a provider that failed", errorWith({ code: "UNAVAILABLE", reason: "PROVIDER_ERROR" })],
    ["a rate limit", errorWith({ code: "RESOURCE_EXHAUSTED", reason: "RATE_LIMITED" })],
    ["a caller that went away", errorWith({ code: "CANCELLED", reason: "CANCELLED" })],
    ["a deadline", errorWith({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" })],
    ["a target that is missing", errorWith({ code: "FAILED_PRECONDITION", reason: "NO_USABLE_TARGET" })],
    ["an unknown model, for which nobody was asked", errorWith({ executionId: undefined })],
    ["a fault of ours", new Error("unforeseen")],
  ])("is nothing after %s", (_, error) => {
    expect(findOutcomeOfFailure(error)).toBeUndefined();
  });
});
