/** The fields of the common question, each with what is wrong with it. */
import type { ReactNode } from "react";
import { ExperimentUnit } from "../../../../gen/modeltier/v1/experiment_pb.js";
import type { RoutingConfig } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import type { Violations } from "./field-violations.ts";
import { FormField } from "./form-field.tsx";
import { OwnFields, VersionChoice } from "./OwnFields.tsx";
import { OWN_KINDS, type OwnKind, type StartForm } from "./start-form.ts";

/** What stands at one of the fields below. */
const SHOWN =
  /^(experiment_id|description|unit|traffic_share|agent_ids|question\.(margin|most_success_lost|most_extra_nano_usd)|arms\[[01]\]\.name|arms\[1\]\.config\.(thresholds\.balanced_(from|to)|scorer|tiers\.\w+\.targets.*))$/;

type TextField = Exclude<keyof StartForm, "unit" | "kind" | "tier">;

export function QuestionFields({
  form,
  set,
  own,
  setOwn,
  version,
  setVersion,
  violations,
}: {
  form: StartForm;
  set: (change: Partial<StartForm>) => void;
  own: RoutingConfig;
  setOwn: (own: RoutingConfig) => void;
  version: string;
  setVersion: (version: string) => void;
  violations: Violations;
}) {
  const text = (field: TextField, name: string, at: string, more: object = {}) => (
    <FormField name={name} at={at} violations={violations}>
      {(wrong) => (
        <input
          value={form[field]}
          {...wrong}
          onChange={(event) => set({ [field]: event.target.value })}
          {...more}
        />
      )}
    </FormField>
  );
  const amount = { inputMode: "decimal" } as const;
  const elsewhere = [...violations].filter(([field]) => !SHOWN.test(field));
  return (
    <>
      <Part title="What is asked">
        <div className="grid fields broad">
          {text("id", "Name", "experiment_id", {
            required: true,
            maxLength: 64,
            placeholder: "kimi-for-balanced",
            "data-search": "",
          })}
          {text("description", "What you want to know", "description", { maxLength: 1024 })}
        </div>
      </Part>
      <Part title="Whose calls">
        <div className="grid fields broad">
          <FormField name="Drawn and kept together" at="unit" violations={violations}>
            {(wrong) => (
              <select
                value={form.unit}
                {...wrong}
                onChange={(event) => set({ unit: Number(event.target.value) })}
              >
                <option value={ExperimentUnit.AGENT}>all calls of an agent</option>
                <option value={ExperimentUnit.SESSION}>all calls of a session</option>
                <option value={ExperimentUnit.REQUEST}>each request by itself</option>
              </select>
            )}
          </FormField>
          {text("traffic", "Share of the traffic, in %", "traffic_share", amount)}
          {text("agents", "Only these agents", "agent_ids", { placeholder: "all" })}
        </div>
        <p className="muted">
          Half of it has the first arm, half the second; both can be changed while it runs. All other calls
          have the configuration in force and do not count.
        </p>
      </Part>
      <Part title="What is compared">
        <div className="grid fields broad">
          {text("first", "First arm, the configuration in force", "arms[0].name", { required: true })}
          {text("second", "Second arm", "arms[1].name", { required: true, placeholder: "kimi" })}
          <label>
            <span>The second has of its own</span>
            <select value={form.kind} onChange={(event) => set({ kind: event.target.value as OwnKind })}>
              {Object.entries(OWN_KINDS).map(([kind, name]) => (
                <option key={kind} value={kind}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {form.kind === "version" && <VersionChoice version={version} choose={setVersion} />}
        </div>
        <OwnFields form={form} set={set} own={own} setOwn={setOwn} violations={violations} />
        <Elsewhere of={elsewhere.filter(([field]) => field.startsWith("arms"))} />
        <p className="muted">
          {form.kind === "version"
            ? "All of it is that version's, but for what all calls of a process share: that stays as it is in force."
            : "Everything else of it is the configuration in force, also when somebody publishes another."}
        </p>
      </Part>
      <Part title="What counts, and when it must stop">
        <div className="grid fields broad">
          {text("margin", "No worse may lose so much success, in points", "question.margin", amount)}
          {text(
            "lost",
            "Stops when it certainly loses more, in points",
            "question.most_success_lost",
            amount,
          )}
          {text("extra", "Stops when a call costs more extra, in USD", "question.most_extra_nano_usd", {
            ...amount,
            placeholder: "never",
          })}
        </div>
        <p className="muted">
          An answer is wrong by chance in at most 5 % of such experiments, however often one looks. A margin
          of 3 points takes some 25,000 units; a wider one takes fewer.
        </p>
      </Part>
      <Elsewhere of={elsewhere.filter(([field]) => !field.startsWith("arms"))} />
    </>
  );
}

const Part = ({ title, children }: { title: string; children: ReactNode }) => (
  <fieldset className="stack">
    <legend>{title}</legend>
    {children}
  </fieldset>
);

/** What is wrong with more than one field, or with one that is not here. */
const Elsewhere = ({ of: violations }: { of: readonly (readonly [string, string])[] }) =>
  violations.map(([field, description]) => (
    <p key={field} className="broken-text small" role="alert">
      ✕ {field}: {description}
    </p>
  ));
