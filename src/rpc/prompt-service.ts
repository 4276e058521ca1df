import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Kysely } from "kysely";
import { DeletePromptsResponseSchema, GetPromptResponseSchema } from "../../gen/modeltier/v1/prompt_pb.js";
import { PromptService } from "../../gen/modeltier/v1/prompt_service_pb.js";
import { type PromptContent, readContent } from "../prompts/content.ts";
import { type PromptSeal, SealingKeyMissingError } from "../prompts/seal.ts";
import { deletePrompts, readPrompt, type StoredPromptRow } from "../store/stored-prompts.ts";
import type { Database } from "../store/tables.ts";
import type { Log } from "../telemetry/log.ts";
import { textOwnerFor } from "./caller.ts";
import { promptToProto } from "./convert/prompt.ts";
import { refusal, storeUnavailable } from "./errors.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { fromStore } from "./store-errors.ts";
import { reading } from "./validate/analytics.ts";
import { authorOf } from "./validate/author.ts";
import { readExecutionId } from "./validate/executions.ts";
import { readPromptScope } from "./validate/prompts.ts";

export type PromptServiceDeps = Readonly<{
  db: Kysely<Database>;
  seal: Pick<PromptSeal, "open">;
  /** Waits a moment for what this process has not written yet. @returns false when some still waits */
  settled(): Promise<boolean>;
  log: Log;
}>;

export function promptService({ db, seal, settled, log }: PromptServiceDeps): ServiceEntry {
  return serviceEntry(PromptService, {
    getPrompt: async ({ executionId }, context) => {
      reading((found) => readExecutionId(found, executionId));
      const reader = { author: authorOf("", context), owner: textOwnerFor(context) };
      const row = await fromStore(readPrompt(db, executionId, reader), log);
      if (row === undefined) {
        throw new ConnectError("no texts of that execution are stored, or not any more", Code.NotFound);
      }
      return create(GetPromptResponseSchema, { prompt: promptToProto(row, open(row, seal)) });
    },
    deletePrompts: async (request, context) => {
      const scope = readPromptScope(request);
      const deleter = { author: authorOf(request.author, context), owner: textOwnerFor(context) };
      // Or what waits would be written behind the deletion.
      if (!(await settled())) throw storeUnavailable();
      return create(DeletePromptsResponseSchema, {
        deleted: await fromStore(deletePrompts(db, scope, deleter), log),
      });
    },
  });
}

function open(row: StoredPromptRow, seal: Pick<PromptSeal, "open">): PromptContent {
  const belongsTo = { executionId: row.execution_id, keyId: row.key_id };
  try {
    return readContent(seal.open(row.sealed, row.sealing_key_id, belongsTo));
  } catch (error) {
    if (error instanceof SealingKeyMissingError) {
      const remedy = "add that key to MODELTIER_PROMPT_OLD_KEYS";
      throw refusal(`${error.message}: ${remedy}`, Code.FailedPrecondition, "PROMPT_KEY_MISSING");
    }
    const message =
      "what is stored does not open: it was changed in the database, or belongs to something else";
    throw refusal(message, Code.DataLoss, "PROMPT_DAMAGED");
  }
}
