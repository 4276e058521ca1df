import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { BudgetPeriod, BudgetSchema } from "../../../../gen/modeltier/v1/access_pb.js";
import { budgetOf, formOf } from "./budget-form.ts";

it("gives back the budget that a form was filled from", () => {
  const scopes = fc.oneof(
    fc.constant({ case: "global" as const, value: {} }),
    fc.string({ minLength: 1 }).map((value) => ({ case: "agentId" as const, value })),
    fc
      .record({ key: fc.stringMatching(/^[a-z]+$/), value: fc.string() })
      .map((value) => ({ case: "label" as const, value })),
  );
  const amounts = fc.option(fc.bigInt({ min: 0n, max: 10n ** 18n }), { nil: undefined });
  fc.assert(
    fc.property(scopes, amounts, amounts, (kind, limitNanoUsd, limitTokens) => {
      const budget = create(BudgetSchema, {
        budgetId: "sales-day",
        scope: { kind },
        period: BudgetPeriod.MONTH,
        ...(limitNanoUsd !== undefined && { limitNanoUsd }),
        ...(limitTokens !== undefined && { limitTokens }),
      });
      expect(create(BudgetSchema, budgetOf(formOf(budget)))).toEqual(budget);
    }),
  );
});
