import { useMutation } from "@connectrpc/connect-query";
import type { Budget } from "../../../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import { Dialog } from "../parts/dialog.tsx";
import { Problem } from "../parts/states.tsx";
import { sayScope } from "./budget-form.ts";

/** Asks once more, and says what goes with it. */
export function RemoveBudget({ budget, close }: { budget: Budget; close: () => void }) {
  const removal = useMutation(AccessService.method.deleteBudget, { onSuccess: close });
  return (
    <Dialog titledBy="remove-title" close={close}>
      <div className="stack">
        <h2 id="remove-title">Delete the budget {budget.budgetId}?</h2>
        <p>
          What is known of its spending goes with it, and nothing limits {sayScope(budget)} any more. Setting
          it again starts from zero.
        </p>
        {removal.error !== null && <Problem error={removal.error} />}
        <div className="row end">
          <button type="button" onClick={close}>
            Keep it
          </button>
          <button
            type="button"
            className="main"
            onClick={() => removal.mutate({ budgetId: budget.budgetId })}
          >
            Delete it
          </button>
        </div>
      </div>
    </Dialog>
  );
}
