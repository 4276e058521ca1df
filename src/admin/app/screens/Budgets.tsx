import { useMutation, useQuery } from "@connectrpc/connect-query";
import { type FormEvent, useState } from "react";
import {
  type Budget,
  type BudgetBalance,
  BudgetPeriod,
  type BudgetStatus,
} from "../../../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import { Asked, Empty, Problem } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { count, exactUsd, percent, usd } from "../text/format.ts";
import { periodName } from "../text/names.ts";
import { A_BUDGET, type BudgetForm, budgetOf, formOf, sayScope } from "./budget-form.ts";
import { RemoveBudget } from "./RemoveBudget.tsx";

export function Budgets() {
  const listed = useQuery(AccessService.method.listBudgets, {}, { refetchInterval: 5_000 });
  const [form, setForm] = useState<BudgetForm>(A_BUDGET);
  const [leaving, setLeaving] = useState<Budget | undefined>();
  return (
    <>
      <h1>{listed.data === undefined ? "Budgets" : sayBudgets(listed.data.budgets)}</h1>
      <Asked of={listed}>
        {({ budgets }) =>
          budgets.length === 0 ? (
            <Empty>No budget is set: nothing limits what calls may cost. Set one below.</Empty>
          ) : (
            <List budgets={budgets} edit={(budget) => setForm(formOf(budget))} remove={setLeaving} />
          )
        }
      </Asked>
      <SetForm form={form} setForm={setForm} done={() => void listed.refetch()} />
      {leaving !== undefined && (
        <RemoveBudget
          budget={leaving}
          close={() => {
            setLeaving(undefined);
            void listed.refetch();
          }}
        />
      )}
    </>
  );
}

/** What is spent of the limit that is nearest its end, in [0, 1]. */
function spentShare({ nanoUsd, tokens, budget }: BudgetStatus): number {
  const part = (balance: BudgetBalance | undefined, limit: bigint | undefined) =>
    balance === undefined || limit === undefined || limit === 0n ? 0 : Number(balance.spent) / Number(limit);
  return Math.max(part(nanoUsd, budget?.limitNanoUsd), part(tokens, budget?.limitTokens));
}

function sayBudgets(budgets: readonly BudgetStatus[]): string {
  if (budgets.length === 0) return "No budget is set.";
  const used = budgets.filter((status) => spentShare(status) >= 1);
  const names = used.map(({ budget }) => budget?.budgetId).join(", ");
  return used.length === 0
    ? `${budgets.length === 1 ? "The budget has" : `All ${budgets.length} budgets have`} something left.`
    : `Used up: ${names}. Calls in their scope are refused.`;
}

const balance = (of: BudgetBalance | undefined, limit: bigint | undefined, say: (value: bigint) => string) =>
  of === undefined || limit === undefined
    ? "no limit"
    : `${say(of.spent)} of ${say(limit)}, ${say(of.remaining)} left`;

function List({
  budgets,
  edit,
  remove,
}: {
  budgets: readonly BudgetStatus[];
  edit: (budget: Budget) => void;
  remove: (budget: Budget) => void;
}) {
  return (
    <Table
      caption="Budgets"
      rows={budgets}
      keyOf={({ budget }) => budget?.budgetId ?? ""}
      columns={[
        { name: "Budget", cell: ({ budget }) => budget?.budgetId },
        { name: "Whose calls", cell: ({ budget }) => sayScope(budget) },
        { name: "Every", cell: ({ budget }) => periodName(budget?.period ?? 0) },
        {
          name: "Used",
          cell: (status) => {
            const share = spentShare(status);
            return (
              <span className={share >= 1 ? "broken-text" : share >= 0.8 ? "attention" : ""}>
                {percent(share)}
              </span>
            );
          },
          right: true,
        },
        {
          name: "Money",
          cell: ({ nanoUsd, budget }) => (
            <span
              title={
                nanoUsd === undefined
                  ? ""
                  : `${exactUsd(nanoUsd.spent)} spent, ${exactUsd(nanoUsd.leased)} set aside`
              }
            >
              {balance(nanoUsd, budget?.limitNanoUsd, usd)}
            </span>
          ),
          right: true,
        },
        {
          name: "Tokens",
          cell: ({ tokens, budget }) => balance(tokens, budget?.limitTokens, count),
          right: true,
        },
        {
          name: "Change",
          right: true,
          cell: ({ budget }) =>
            budget === undefined ? null : (
              <span className="row end">
                <button type="button" onClick={() => edit(budget)} aria-label={`Edit ${budget.budgetId}`}>
                  Edit
                </button>
                <button type="button" onClick={() => remove(budget)} aria-label={`Delete ${budget.budgetId}`}>
                  Delete
                </button>
              </span>
            ),
        },
      ]}
    />
  );
}

function SetForm({
  form,
  setForm,
  done,
}: {
  form: BudgetForm;
  setForm: (form: BudgetForm) => void;
  done: () => void;
}) {
  const save = useMutation(AccessService.method.setBudget, { onSuccess: done });
  const set = (change: Partial<BudgetForm>) => setForm({ ...form, ...change });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ budget: budgetOf(form) });
  };
  const scoped = { global: "", agent: "Agent", label: "Label, as key=value", key: "Id of the key" }[
    form.scope
  ];
  return (
    <form className="stack card" onSubmit={submit}>
      <h2>Set a budget</h2>
      <div className="grid fields">
        <label>
          <span>Name</span>
          <input
            required
            data-search=""
            maxLength={64}
            pattern="[A-Za-z0-9._\-]+"
            value={form.id}
            onChange={(event) => set({ id: event.target.value })}
          />
        </label>
        <label>
          <span>Whose calls</span>
          <select
            value={form.scope}
            onChange={(event) => set({ scope: event.target.value as BudgetForm["scope"] })}
          >
            <option value="global">every call</option>
            <option value="agent">one agent's</option>
            <option value="label">those with a label</option>
            <option value="key">those with an API key</option>
          </select>
        </label>
        {scoped !== "" && (
          <label>
            <span>{scoped}</span>
            <input required value={form.of} onChange={(event) => set({ of: event.target.value })} />
          </label>
        )}
        <label>
          <span>Starts anew every</span>
          <select value={form.period} onChange={(event) => set({ period: Number(event.target.value) })}>
            <option value={BudgetPeriod.DAY}>day (UTC)</option>
            <option value={BudgetPeriod.MONTH}>month (UTC)</option>
            <option value={BudgetPeriod.TOTAL}>never</option>
          </select>
        </label>
        <label>
          <span>Money, in USD</span>
          <input
            inputMode="decimal"
            pattern="\d+(\.\d{1,9})?"
            placeholder="no limit"
            value={form.usd}
            onChange={(event) => set({ usd: event.target.value })}
          />
        </label>
        <label>
          <span>Tokens</span>
          <input
            inputMode="numeric"
            pattern="\d+"
            placeholder="no limit"
            value={form.tokens}
            onChange={(event) => set({ tokens: event.target.value })}
          />
        </label>
      </div>
      {save.error !== null && <Problem error={save.error} />}
      <div className="row">
        <button type="submit" className="main" disabled={save.isPending}>
          Set the budget
        </button>
        <span role="status" className="good small">
          {save.data === undefined ? "" : `✓ ${save.data.budget?.budgetId} is set.`}
        </span>
      </div>
    </form>
  );
}
