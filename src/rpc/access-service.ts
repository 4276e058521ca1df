import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  DeleteBudgetResponseSchema,
  ListBudgetsResponseSchema,
  SetBudgetResponseSchema,
} from "../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import type { Budget, BudgetState } from "../budgets/types.ts";
import { failureFields } from "../store/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { budgetStatusToProto, budgetToProto } from "./convert/budget.ts";
import { storeUnavailable } from "./errors.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { readAuthor } from "./validate/author.ts";
import { readBudget, readBudgetId } from "./validate/budget.ts";

export type AccessServiceDeps = Readonly<{
  budgets: Readonly<{
    list(): Promise<readonly BudgetState[]>;
    set(budget: Budget, author: string): Promise<void>;
    /** False when there was none. */
    delete(budgetId: string, author: string): Promise<boolean>;
  }>;
  log: Log;
}>;

export function accessService({ budgets, log }: AccessServiceDeps): ServiceEntry {
  /** Whatever the store fails with, the caller can only come back later. */
  async function fromStore<T>(asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      log.warn("Budgets could not be read or set", failureFields(error));
      throw storeUnavailable();
    }
  }
  return serviceEntry(AccessService, {
    setBudget: async (request) => {
      const budget = readBudget(request.budget);
      await fromStore(budgets.set(budget, readAuthor(request.author)));
      return create(SetBudgetResponseSchema, { budget: budgetToProto(budget) });
    },
    listBudgets: async () => {
      const states = await fromStore(budgets.list());
      return create(ListBudgetsResponseSchema, { budgets: states.map(budgetStatusToProto) });
    },
    deleteBudget: async (request) => {
      const budgetId = readBudgetId(request.budgetId);
      const isDeleted = await fromStore(budgets.delete(budgetId, readAuthor(request.author)));
      if (!isDeleted) throw new ConnectError("there is no such budget", Code.NotFound);
      return create(DeleteBudgetResponseSchema);
    },
  });
}
