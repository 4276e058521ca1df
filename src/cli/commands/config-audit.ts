import { toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { type AuditEntry, ListAuditEntriesResponseSchema } from "../../../gen/modeltier/v1/audit_pb.js";
import { ConfigService } from "../../../gen/modeltier/v1/config_service_pb.js";
import { type Command, EXIT } from "../cli.ts";
import { operandsOf } from "./config.ts";

export const auditCommand: Command = {
  usage: "config audit",
  summary: "Lists who changed configurations and budgets and who reloaded providers, the newest first.",
  options: { action: "only these: budget.set, or budget for all of that kind" },
  async run({ operands, options, transport, terminal, json }) {
    operandsOf(operands, 0, 0);
    const { action = "" } = options;
    const response = await createClient(ConfigService, transport).listAuditEntries({ action });
    if (json) terminal.print(JSON.stringify(toJson(ListAuditEntriesResponseSchema, response)));
    else for (const entry of response.entries) terminal.print(lineOf(entry));
    return EXIT.done;
  },
};

const lineOf = ({ createdAt, action, author, subject, detailJson }: AuditEntry): string =>
  [
    createdAt === undefined ? "" : timestampDate(createdAt).toISOString(),
    action,
    author,
    subject,
    detailJson,
  ].join("  ");
