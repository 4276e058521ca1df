/** The fields of the filters. What is in them is in the address. */
import { type InputHTMLAttributes, useState } from "react";
import { ExecutionStatus } from "../../../../gen/modeltier/v1/execution_pb.js";
import { navigate, withQuery } from "../frame/router.tsx";
import { intentName, listIntents, statusName, TIERS, tierName } from "../text/names.ts";
import { findNanoUsd } from "./execution-filter.ts";

const STATUSES = [
  ExecutionStatus.OK,
  ExecutionStatus.FAILED,
  ExecutionStatus.CANCELLED,
  ExecutionStatus.DEADLINE_EXCEEDED,
];
/** The key `/` leads here. */
const SEARCH = { "data-search": "" } as InputHTMLAttributes<HTMLInputElement>;
const HOURS: Readonly<Record<string, string>> = { "1": "last hour", "24": "last day", "168": "last week" };

export function ExecutionFilters({ query }: { query: URLSearchParams }) {
  // Where there is little room the list comes first.
  const [isWide] = useState(() => matchMedia("(min-width: 721px)").matches);
  const minimum = query.get("min") ?? "";
  const isWrong = minimum !== "" && findNanoUsd(minimum) === undefined;
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    if (value === "") next.delete(name);
    else next.set(name, value);
    if (!next.has("experiment")) next.delete("arm");
    navigate(withQuery("/executions", next), { replace: true });
  };
  const text = (name: string, label: string, more: InputHTMLAttributes<HTMLInputElement> = {}) => (
    <label key={name}>
      <span>{label}</span>
      <input value={query.get(name) ?? ""} onChange={(event) => set(name, event.target.value)} {...more} />
    </label>
  );
  const choice = (name: string, label: string, options: readonly (readonly [string, string])[]) => (
    <label key={name}>
      <span>{label}</span>
      <select value={query.get(name) ?? ""} onChange={(event) => set(name, event.target.value)}>
        <option value="">any</option>
        {options.map(([value, shown]) => (
          <option key={value} value={value}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <search>
      <details open={isWide}>
        <summary>{query.size === 0 ? "Filters" : `Filters: ${query.size} set`}</summary>
        <div className="grid fields">
          {text("agent", "Agent", SEARCH)}
          {choice(
            "tier",
            "Tier",
            TIERS.map((tier) => [String(tier), tierName(tier)] as const),
          )}
          {text("provider", "Provider")}
          {text("model", "Model")}
          {choice(
            "status",
            "Ended",
            STATUSES.map((status) => [String(status), statusName(status)] as const),
          )}
          {choice(
            "intent",
            "Intent",
            listIntents().map((intent) => [String(intent), intentName(intent)] as const),
          )}
          {text("session", "Session")}
          {text("label", "Label, as key=value")}
          <div className="stack tight">
            {text("min", "Cost at least, in USD", {
              inputMode: "decimal",
              placeholder: "0.001",
              "aria-invalid": isWrong,
              "aria-describedby": "min-cost-problem",
            })}
            <span id="min-cost-problem" className="broken-text small" aria-live="polite">
              {isWrong && "✕ This is no amount: write 0.001"}
            </span>
          </div>
          {choice("shadow", "Scorer in the shadow", [["differs", "picks another tier"]])}
          {text("experiment", "Experiment")}
          {text("arm", "Arm of the experiment", { disabled: !query.has("experiment") })}
          {choice("hours", "When", Object.entries(HOURS))}
        </div>
      </details>
    </search>
  );
}
