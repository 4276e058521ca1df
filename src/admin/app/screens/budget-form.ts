/** A budget as a form has it, in text, and as the contract has it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Budget, BudgetPeriod, type BudgetSchema } from "../../../../gen/modeltier/v1/access_pb.js";
import { exactUsd, nanoUsdOf } from "../text/format.ts";

export type BudgetForm = Readonly<{
  id: string;
  scope: "global" | "agent" | "label";
  /** The agent, or the label as key=value. */
  of: string;
  period: BudgetPeriod;
  /** Empty: no limit. */
  usd: string;
  tokens: string;
}>;

export const A_BUDGET: BudgetForm = {
  id: "",
  scope: "global",
  of: "",
  period: BudgetPeriod.DAY,
  usd: "",
  tokens: "",
};

export function budgetOf(form: BudgetForm): MessageInitShape<typeof BudgetSchema> {
  const [key = "", ...value] = form.of.split("=");
  const kinds = {
    global: { case: "global", value: {} },
    agent: { case: "agentId", value: form.of },
    label: { case: "label", value: { key, value: value.join("=") } },
  } as const;
  return {
    budgetId: form.id,
    scope: { kind: kinds[form.scope] },
    period: form.period,
    ...(form.usd !== "" && { limitNanoUsd: nanoUsdOf(form.usd) }),
    ...(form.tokens !== "" && { limitTokens: BigInt(form.tokens) }),
  };
}

export function formOf(budget: Budget): BudgetForm {
  const kind = budget.scope?.kind;
  return {
    id: budget.budgetId,
    scope: kind?.case === "agentId" ? "agent" : kind?.case === "label" ? "label" : "global",
    of:
      kind?.case === "agentId"
        ? kind.value
        : kind?.case === "label"
          ? `${kind.value.key}=${kind.value.value}`
          : "",
    period: budget.period,
    usd: budget.limitNanoUsd === undefined ? "" : exactUsd(budget.limitNanoUsd).replace(/[$,]/g, ""),
    tokens: budget.limitTokens?.toString() ?? "",
  };
}

export function sayScope(budget: Budget | undefined): string {
  const kind = budget?.scope?.kind;
  if (kind?.case === "agentId") return `calls of ${kind.value}`;
  if (kind?.case === "label") return `calls with ${kind.value.key}=${kind.value.value}`;
  return "every call";
}
