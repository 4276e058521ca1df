import { randomUUID } from "node:crypto";
import type { RecordFeedbackRequest } from "../../../gen/modeltier/v1/feedback_pb.js";
import type { NewFeedback } from "../../store/feedback.ts";
import { reading, requireText } from "./analytics.ts";
import { LONGEST, RANGES } from "./bounds.ts";
import { readExecutionId } from "./executions.ts";
import { requireRange } from "./violations.ts";

/** @throws InvalidRequestError naming every wrong field */
export const readFeedback = (request: RecordFeedbackRequest): NewFeedback =>
  reading((found) => {
    const { executionId, feedbackId, quality, success } = request;
    const comment = request.comment.toWellFormed();
    readExecutionId(found, executionId);
    requireText(found, feedbackId, LONGEST.feedbackId, ["feedback_id"]);
    requireRange(found, quality, RANGES.quality, ["quality"]);
    requireText(found, comment, LONGEST.comment, ["comment"]);
    if (quality === undefined && success === undefined && comment === "") {
      found.add(["quality"], "is missing, and so are success and comment: give one of them at least");
    }
    return {
      executionId,
      feedbackId: feedbackId === "" ? randomUUID() : feedbackId,
      ...(quality !== undefined && { quality }),
      ...(success !== undefined && { success }),
      comment,
    };
  });
