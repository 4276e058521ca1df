import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ExperimentReport } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../../../gen/modeltier/v1/experiment_service_pb.js";
import { AuthorField, useAuthor } from "../parts/author.tsx";
import { ConfirmDialog } from "./ConfirmDialog.tsx";
import { unitsName } from "./experiment-words.ts";
import { findShare, findWeight, rampOf, sayShares, shareFormOf } from "./shares.ts";

export function RampDialog({ report, close }: { report: ExperimentReport; close: () => void }) {
  const experimentId = report.experiment?.experimentId ?? "";
  const [before] = useState(() => shareFormOf(report));
  const [form, setForm] = useState(before);
  const author = useAuthor();
  const ramp = useMutation(ExperimentService.method.rampExperiment, { onSuccess: close });
  const said = sayShares(form);
  const isSame = JSON.stringify(form) === JSON.stringify(before);
  return (
    <ConfirmDialog
      title={`Change the shares of ${experimentId}`}
      action="Set the shares"
      error={ramp.error}
      isBusy={ramp.isPending || said === undefined || isSame}
      confirm={() => {
        author.keep();
        ramp.mutate({ experimentId, ...rampOf(form, before), author: author.author });
      }}
      close={close}
    >
      <div className="grid fields">
        <label>
          <span>Of the traffic, in %</span>
          <input
            inputMode="decimal"
            value={form.traffic}
            aria-invalid={findShare(form.traffic) === undefined}
            onChange={(event) => setForm({ ...form, traffic: event.target.value })}
          />
        </label>
        {Object.entries(form.weights).map(([name, weight]) => (
          <label key={name}>
            <span>Weight of {name}</span>
            <input
              inputMode="decimal"
              value={weight}
              aria-invalid={findWeight(weight) === undefined}
              onChange={(event) =>
                setForm({ ...form, weights: { ...form.weights, [name]: event.target.value } })
              }
            />
          </label>
        ))}
        <AuthorField of={author} />
      </div>
      <p role="status">
        {said === undefined
          ? "✕ Above 0 and at most 100 % of the traffic, and weights above 0. To take an arm out, or to draw nobody, stop it."
          : `Of all ${unitsName(report.experiment?.unit ?? 0)} then: ${said}.`}
      </p>
      <p className="muted">
        In force here now and at the other replicas within seconds. Units stay in their arm as far as the new
        shares allow, and what was measured stays; whether the arms get their shares is counted anew.
      </p>
    </ConfirmDialog>
  );
}
