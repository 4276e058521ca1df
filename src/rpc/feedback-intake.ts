/** Many pieces of feedback at a time: what can be read is recorded together, and what cannot says why. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  FeedbackRefusal,
  FeedbackResultSchema,
  type RecordFeedbackRequest,
  type FeedbackResult as Result,
} from "../../gen/modeltier/v1/feedback_pb.js";
import type { FeedbackResult, NewFeedback } from "../store/feedback.ts";
import { readFeedback } from "./validate/feedback.ts";
import { describeViolations, type FieldStyle, InvalidRequestError } from "./validate/violations.ts";

/** What a caller is told of feedback that is not recorded. */
export const NOT_RECORDED = {
  unknown: "there is no such execution: name it as `completed` did",
  other: "the id is that of other feedback on this execution: use a new one",
} as const;

const REFUSAL = { unknown: FeedbackRefusal.NOT_FOUND, other: FeedbackRefusal.ID_REUSED } as const;

type Outcome = MessageInitShape<typeof FeedbackResultSchema>;

/** @param insert writes them, and gives one result each, in order */
export async function recordAll(
  requests: readonly (RecordFeedbackRequest | undefined)[],
  style: FieldStyle,
  insert: (given: readonly NewFeedback[]) => Promise<readonly FeedbackResult[]>,
): Promise<Result[]> {
  const read = requests.map((request) => readOne(request, style));
  const given = read.flatMap((one) => ("executionId" in one ? [one] : []));
  const became = (await insert(given)).values();
  return read.map((one) =>
    create(FeedbackResultSchema, "executionId" in one ? outcomeOf(one, became.next().value) : one),
  );
}

function readOne(request: RecordFeedbackRequest | undefined, style: FieldStyle): NewFeedback | Outcome {
  const invalid = (message: string, feedbackId = ""): Outcome => ({
    feedbackId,
    error: { refusal: FeedbackRefusal.INVALID, message },
  });
  if (request === undefined) return invalid("feedback is missing");
  try {
    return readFeedback(request);
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    return invalid(describeViolations(error.violations, style), request.feedbackId);
  }
}

function outcomeOf({ feedbackId }: NewFeedback, became: FeedbackResult | undefined): Outcome {
  if (became === undefined) throw new Error("a piece of feedback has no result");
  if (became === "recorded" || became === "already_recorded")
    return { feedbackId, alreadyRecorded: became === "already_recorded" };
  return { feedbackId, error: { refusal: REFUSAL[became], message: NOT_RECORDED[became] } };
}
