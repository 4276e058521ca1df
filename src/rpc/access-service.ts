import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  DeleteBudgetResponseSchema,
  ListBudgetsResponseSchema,
  SetBudgetResponseSchema,
} from "../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import type { KeyAdmin } from "../access/key-admin.ts";
import type { Budget, BudgetScope, BudgetState } from "../budgets/types.ts";
import { failureFields } from "../store/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { ownerFor } from "./caller.ts";
import { budgetStatusToProto, budgetToProto } from "./convert/budget.ts";
import { storeUnavailable } from "./errors.ts";
import { keyMethods } from "./key-methods.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { readAuthor } from "./validate/author.ts";
import { noSuchKeyOfBudget, readBudget, readBudgetId } from "./validate/budget.ts";

export type AccessServiceDeps = Readonly<{
  budgets: Readonly<{
    list(): Promise<readonly BudgetState[]>;
    /** False when it is for a key that there is not, or that is revoked. */
    set(budget: Budget, author: string): Promise<boolean>;
    /** False when there was none. */
    delete(budgetId: string, author: string): Promise<boolean>;
  }>;
  keys: Pick<KeyAdmin, "create" | "list" | "rotate" | "setLimits" | "revoke">;
  log: Log;
}>;

const isOf = (owner: string, scope: BudgetScope): boolean => scope.kind === "key" && scope.keyId === owner;

export function accessService({ budgets, keys, log }: AccessServiceDeps): ServiceEntry {
  /** Whatever the store fails with, the caller can only come back later. */
  async function fromStore<T>(asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      log.warn("Budgets or keys could not be read or set", failureFields(error));
      throw storeUnavailable();
    }
  }
  return serviceEntry(AccessService, {
    ...keyMethods(keys, fromStore),
    setBudget: async (request, context) => {
      const budget = readBudget(request.budget);
      const isSet = await fromStore(budgets.set(budget, readAuthor(request.author, context)));
      if (!isSet) throw noSuchKeyOfBudget();
      return create(SetBudgetResponseSchema, { budget: budgetToProto(budget) });
    },
    listBudgets: async (_, context) => {
      const states = await fromStore(budgets.list());
      const owner = ownerFor(context);
      const shown = states.filter(({ budget: { scope } }) => owner === undefined || isOf(owner, scope));
      return create(ListBudgetsResponseSchema, { budgets: shown.map(budgetStatusToProto) });
    },
    deleteBudget: async (request, context) => {
      const budgetId = readBudgetId(request.budgetId);
      const isDeleted = await fromStore(budgets.delete(budgetId, readAuthor(request.author, context)));
      if (!isDeleted) throw new ConnectError("there is no such budget", Code.NotFound);
      return create(DeleteBudgetResponseSchema);
    },
  });
}
