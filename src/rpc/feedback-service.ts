import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { Kysely } from "kysely";
import {
  type FeedbackResult,
  RecordFeedbackBatchResponseSchema,
  RecordFeedbackResponseSchema,
  RefusedFeedbackSchema,
  type StreamFeedbackRequest,
  type StreamFeedbackResponse,
  StreamFeedbackResponseSchema,
} from "../../gen/modeltier/v1/feedback_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { insertFeedback, type NewFeedback } from "../store/feedback.ts";
import type { Database } from "../store/tables.ts";
import type { Log } from "../telemetry/log.ts";
import { ownerFor } from "./caller.ts";
import { refusal } from "./errors.ts";
import { NOT_RECORDED, recordAll } from "./feedback-intake.ts";
import { gathered } from "./gathered.ts";
import { fieldStyleOf } from "./guard.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { fromStore } from "./store-errors.ts";
import { readBatch, readFeedback } from "./validate/feedback.ts";

export type FeedbackServiceDeps = Readonly<{
  db: Kysely<Database>;
  /** Of the id of an execution that is not in the database. */
  mayBeOnItsWay: (executionId: string) => boolean;
  /** After which time feedback is to be learned from; undefined: it is not. */
  outcomeWaitMs: () => number | undefined;
  log: Log;
}>;

/** Of a stream, in one statement; with comments of the greatest length some 8 MB. */
const MOST_AT_A_TIME = 500;
/** How long a piece of a stream waits for others to be written with. */
const GATHER_MS = 20;
const MOST_REFUSALS = 100;

export function feedbackService(deps: FeedbackServiceDeps): ServiceEntry {
  const { db, mayBeOnItsWay: isExpected, outcomeWaitMs, log } = deps;
  /** One of another caller's is none. */
  const insertFor = (context: HandlerContext) => (given: readonly NewFeedback[]) =>
    fromStore(
      insertFeedback(db, given, {
        owner: ownerFor(context),
        isExpected,
        outcomeWaitMs: outcomeWaitMs(),
      }),
      log,
    );

  return serviceEntry(FeedbackService, {
    recordFeedback: async (request, context) => {
      const given = readFeedback(request);
      const [result] = await insertFor(context)([given]);
      if (result === "unknown") throw new ConnectError(NOT_RECORDED.unknown, Code.NotFound);
      if (result === "other") throw refusal(NOT_RECORDED.other, Code.AlreadyExists, "FEEDBACK_ID_REUSED");
      return create(RecordFeedbackResponseSchema, {
        feedbackId: given.feedbackId,
        alreadyRecorded: result === "already_recorded",
      });
    },

    recordFeedbackBatch: async (request, context) => {
      const results = await recordAll(readBatch(request), fieldStyleOf(context), insertFor(context));
      return create(RecordFeedbackBatchResponseSchema, { results });
    },

    streamFeedback: async (requests: AsyncIterable<StreamFeedbackRequest>, context) => {
      const sum = create(StreamFeedbackResponseSchema);
      const style = fieldStyleOf(context);
      for await (const group of gathered(requests, MOST_AT_A_TIME, GATHER_MS)) {
        const pieces = group.map(({ feedback }) => feedback);
        add(sum, await recordAll(pieces, style, insertFor(context)));
      }
      return sum;
    },
  });
}

function add(sum: StreamFeedbackResponse, results: readonly FeedbackResult[]): void {
  for (const { error, alreadyRecorded } of results) {
    if (error !== undefined) {
      sum.refused += 1n;
      if (sum.refusals.length < MOST_REFUSALS)
        sum.refusals.push(create(RefusedFeedbackSchema, { position: sum.received, error }));
    } else if (alreadyRecorded) sum.alreadyRecorded += 1n;
    else sum.recorded += 1n;
    sum.received += 1n;
  }
}
