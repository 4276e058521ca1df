import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Kysely } from "kysely";
import { RecordFeedbackResponseSchema } from "../../gen/modeltier/v1/feedback_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import type { Database } from "../store/database.ts";
import { findOwner, insertFeedback } from "../store/feedback.ts";
import type { Log } from "../telemetry/log.ts";
import { ownerFor } from "./caller.ts";
import { refusal } from "./errors.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { fromStore } from "./store-errors.ts";
import { readFeedback } from "./validate/feedback.ts";

export type FeedbackServiceDeps = Readonly<{
  db: Kysely<Database>;
  /** Of the id of an execution that is not in the database. */
  mayBeOnItsWay: (executionId: string) => boolean;
  log: Log;
}>;

export function feedbackService({ db, mayBeOnItsWay, log }: FeedbackServiceDeps): ServiceEntry {
  /** One of another caller's is none. Of one that is not written yet nobody knows whose it is. */
  const isKnown = async (executionId: string, owner: string | undefined): Promise<boolean> => {
    const isExpected = mayBeOnItsWay(executionId);
    if (isExpected && owner === undefined) return true;
    const of = await fromStore(findOwner(db, executionId), log);
    return of === undefined ? isExpected : owner === undefined || of === owner;
  };
  return serviceEntry(FeedbackService, {
    recordFeedback: async (request, context) => {
      const given = readFeedback(request);
      const { executionId, feedbackId } = given;
      if (!(await isKnown(executionId, ownerFor(context)))) {
        throw new ConnectError("there is no such execution: name it as `completed` did", Code.NotFound);
      }
      const result = await fromStore(insertFeedback(db, given), log);
      if (result === "other") {
        const message = "the id is that of other feedback on this execution: use a new one";
        throw refusal(message, Code.AlreadyExists, "FEEDBACK_ID_REUSED");
      }
      return create(RecordFeedbackResponseSchema, {
        feedbackId,
        alreadyRecorded: result === "already_recorded",
      });
    },
  });
}
