/** The pages of the audit log. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type AuditEntrySchema,
  type ListAuditEntriesRequest,
  type ListAuditEntriesResponse,
  ListAuditEntriesResponseSchema,
} from "../../gen/modeltier/v1/audit_pb.js";
import type { AuditFilter, StoredAuditEntry } from "../store/audit-log.ts";
import { checkWords } from "./validate/author.ts";
import { pageSizeOf, versionNumber } from "./validate/config-requests.ts";
import { Violations } from "./validate/violations.ts";

/** @returns newest first */
export type ListAudit = (limit: number, filter: AuditFilter) => Promise<readonly StoredAuditEntry[]>;

const LONGEST_ACTION = 64;

/** @throws InvalidRequestError */
export async function auditPage(
  request: ListAuditEntriesRequest,
  list: ListAudit,
): Promise<ListAuditEntriesResponse> {
  const { action } = request;
  const limit = pageSizeOf(request);
  const before = versionNumber(request.beforeEntryId, ["before_entry_id"]);
  const found = new Violations();
  checkWords(found, action, LONGEST_ACTION, ["action"]);
  found.throwIfAny();
  const page = await list(limit + 1, {
    ...(before > 0 && { before }),
    ...(action !== "" && { action }),
  });
  const shown = page.slice(0, limit);
  const next = page.length > limit ? (shown.at(-1)?.entryId ?? 0) : 0;
  return create(ListAuditEntriesResponseSchema, {
    entries: shown.map(entryToProto),
    nextBeforeEntryId: BigInt(next),
  });
}

const entryToProto = (entry: StoredAuditEntry): MessageInitShape<typeof AuditEntrySchema> => ({
  entryId: BigInt(entry.entryId),
  action: entry.action,
  author: entry.author,
  subject: entry.subject,
  detailJson: JSON.stringify(entry.detail),
  createdAt: timestampFromDate(entry.createdAt),
});
