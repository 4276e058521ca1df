/** Budgets in the contract's words and in ours. */
import { create } from "@bufbuild/protobuf";
import {
  type BudgetBalance,
  BudgetBalanceSchema,
  BudgetSchema,
  type BudgetStatus,
  BudgetStatusSchema,
  GlobalScopeSchema,
  LabelScopeSchema,
  type Budget as ProtoBudget,
  BudgetPeriod as ProtoPeriod,
  type BudgetScope as ProtoScope,
} from "../../../gen/modeltier/v1/access_pb.js";
import {
  type AccountState,
  BUDGET_PERIODS,
  type Budget,
  type BudgetPeriod,
  type BudgetScope,
  type BudgetState,
  remainingOf,
} from "../../budgets/types.ts";

const PROTO_PERIOD: Readonly<Record<BudgetPeriod, ProtoPeriod>> = {
  day: ProtoPeriod.DAY,
  month: ProtoPeriod.MONTH,
  total: ProtoPeriod.TOTAL,
};

/** undefined for one that is not said or not known. */
export const periodFromProto = (period: ProtoPeriod): BudgetPeriod | undefined =>
  BUDGET_PERIODS.find((word) => PROTO_PERIOD[word] === period);

/** undefined when none is said. */
export function scopeFromProto({ kind }: ProtoScope): BudgetScope | undefined {
  switch (kind.case) {
    case "global":
      return { kind: "global" };
    case "agentId":
      return { kind: "agent", agentId: kind.value };
    case "label":
      return { kind: "label", key: kind.value.key, value: kind.value.value };
    case "keyId":
      return { kind: "key", keyId: kind.value };
    case undefined:
      return undefined;
  }
}

export const budgetToProto = ({ budgetId, scope, period, limits }: Budget): ProtoBudget =>
  create(BudgetSchema, {
    budgetId,
    scope: { kind: scopeKindOf(scope) },
    period: PROTO_PERIOD[period],
    limitNanoUsd: limits.nano_usd,
    limitTokens: limits.tokens,
  });

export function budgetStatusToProto({ budget, accounts }: BudgetState): BudgetStatus {
  const find = (unit: AccountState["unit"]): BudgetBalance | undefined => {
    const account = accounts.find((one) => one.unit === unit);
    return account && balanceToProto(account);
  };
  return create(BudgetStatusSchema, {
    budget: budgetToProto(budget),
    nanoUsd: find("nano_usd"),
    tokens: find("tokens"),
  });
}

const balanceToProto = (account: AccountState): BudgetBalance =>
  create(BudgetBalanceSchema, {
    spent: account.spent,
    leased: account.leased,
    remaining: remainingOf(account),
  });

function scopeKindOf(scope: BudgetScope): ProtoScope["kind"] {
  switch (scope.kind) {
    case "global":
      return { case: "global", value: create(GlobalScopeSchema) };
    case "agent":
      return { case: "agentId", value: scope.agentId };
    case "key":
      return { case: "keyId", value: scope.keyId };
    case "label":
      return { case: "label", value: create(LabelScopeSchema, { key: scope.key, value: scope.value }) };
  }
}
