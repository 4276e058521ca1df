import { randomUUID } from "node:crypto";
import type {
  RecordFeedbackBatchRequest,
  RecordFeedbackRequest,
} from "../../../gen/modeltier/v1/feedback_pb.js";
import type { NewFeedback } from "../../store/feedback.ts";
import { reading, requireText } from "./analytics.ts";
import { LONGEST, MOST, RANGES } from "./bounds.ts";
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

/** The items, unread: one that is wrong is no fault of the others. @throws InvalidRequestError for a wrong number of them */
export const readBatch = ({ items }: RecordFeedbackBatchRequest): readonly RecordFeedbackRequest[] =>
  reading((found) => {
    found.require(items.length > 0, ["items"], "is empty: give one piece of feedback at least");
    const most = MOST.feedbackItems;
    found.require(items.length <= most, ["items"], `has ${items.length} items; at most ${most} are taken`);
    return items;
  });
