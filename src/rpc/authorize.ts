import { createHash, timingSafeEqual } from "node:crypto";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";

/** RPCs that change how the service works for everyone, or tell what others do or may spend. */
const OPERATORS_ONLY: ReadonlySet<string> = new Set([
  "modeltier.v1.ProviderService.ReloadProviders",
  "modeltier.v1.AccessService.SetBudget",
  "modeltier.v1.AccessService.ListBudgets",
  "modeltier.v1.AccessService.DeleteBudget",
  "modeltier.v1.ConfigService.PublishConfig",
  "modeltier.v1.ConfigService.RollbackConfig",
  "modeltier.v1.ConfigService.BacktestConfig",
  "modeltier.v1.ConfigService.ListAuditEntries",
  ...AnalyticsService.methods.map(({ name }) => `${AnalyticsService.typeName}.${name}`),
]);

/** Asks for the admin token, where one is set, before what is for operators only; everyone may call the rest. */
export function authorizer(adminToken: string | undefined) {
  const expected = adminToken === undefined ? undefined : digest(`Bearer ${adminToken}`);
  return (method: DescMethod, context: HandlerContext): void => {
    if (expected === undefined || !OPERATORS_ONLY.has(`${method.parent.typeName}.${method.name}`)) return;
    const given = context.requestHeader.get("authorization") ?? "";
    if (!timingSafeEqual(digest(given), expected)) {
      throw new ConnectError("send the admin token as authorization: Bearer …", Code.Unauthenticated);
    }
  };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
