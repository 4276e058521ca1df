import type { Experiment } from "../../../../gen/modeltier/v1/experiment_pb.js";
import type { RoutingConfig } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { Changes } from "../config/ChangeDialog.tsx";
import { useValidation } from "../config/draft.ts";
import { Tested } from "../config/Unsaved.tsx";
import { type Author, AuthorField } from "../parts/author.tsx";
import { ConfirmDialog } from "./ConfirmDialog.tsx";
import { sayQuestion, unitsName } from "./experiment-words.ts";
import { sayDistance, sayPoints } from "./metric-words.ts";
import { percentText, sayShares } from "./shares.ts";
import { DEFAULTS } from "./start-form.ts";

/** What begins, before it does. @param candidate the configuration of the second arm; undefined: it is not known here */
export function StartDialog({
  experiment,
  candidate,
  author,
  error,
  isBusy,
  confirm,
  close,
}: {
  experiment: Experiment;
  candidate: RoutingConfig | undefined;
  author: Author;
  error: unknown;
  isBusy: boolean;
  confirm: () => void;
  close: () => void;
}) {
  const { arms, agentIds, unit, trafficShare } = experiment;
  const shares = sayShares({
    traffic: percentText(trafficShare),
    weights: Object.fromEntries(arms.map(({ name, weight }) => [name, String(weight)])),
    idle: 0,
  });
  const whose =
    agentIds.length === 0 ? `all ${unitsName(unit)}` : `${unitsName(unit)} of ${agentIds.join(", ")}`;
  return (
    <ConfirmDialog
      title={`Start ${experiment.experimentId}?`}
      action="Start it"
      error={error}
      isBusy={isBusy}
      confirm={confirm}
      close={close}
    >
      <p>{sayQuestion(arms, experiment.question?.margin ?? DEFAULTS.margin)}</p>
      <p>
        Real calls are drawn at once, here now and at the other replicas within seconds. Of {whose}:{" "}
        {shares ?? "the shares are for the service to judge"}.
      </p>
      <p>{sayGuardrails(experiment)}</p>
      <h3>What differs</h3>
      {candidate === undefined ? <Fields of={experiment} /> : <Differs candidate={candidate} />}
      <div className="grid fields">
        <AuthorField of={author} />
      </div>
    </ConfirmDialog>
  );
}

function sayGuardrails({ question }: Experiment): string {
  const lost = sayPoints(question?.mostSuccessLost ?? DEFAULTS.mostSuccessLost);
  const extra = question?.mostExtraNanoUsd;
  const cost =
    extra === undefined ? "" : `, or costs more than ${sayDistance("money", Number(extra))} extra a call`;
  return `An arm that certainly loses more than ${lost} of success${cost} is taken out by itself. You can change the shares and stop at any time.`;
}

function Differs({ candidate }: { candidate: RoutingConfig }) {
  const validation = useValidation(candidate);
  return (
    <>
      <Changes of={validation.data?.changes} />
      <Tested draft={candidate} />
    </>
  );
}

const Fields = ({ of: { arms } }: { of: Experiment }) => (
  <ul className="events">
    {arms.map(({ name, fields }) => (
      <li key={name}>
        <strong>{name}</strong>{" "}
        {fields.length === 0 ? "has the configuration in force" : `has of its own: ${fields.join(", ")}`}
      </li>
    ))}
  </ul>
);
