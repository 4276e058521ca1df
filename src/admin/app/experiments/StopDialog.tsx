import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ExperimentReport } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../../../gen/modeltier/v1/experiment_service_pb.js";
import { AuthorField, useAuthor } from "../parts/author.tsx";
import { ConfirmDialog } from "./ConfirmDialog.tsx";
import { endsWithout } from "./shares.ts";

/** @param arm that is taken out; absent: the experiment ends */
export function StopDialog({
  report,
  arm,
  close,
}: {
  report: ExperimentReport;
  arm: string | undefined;
  close: () => void;
}) {
  const experimentId = report.experiment?.experimentId ?? "";
  const [comment, setComment] = useState("");
  const author = useAuthor();
  const stop = useMutation(ExperimentService.method.stopExperiment, { onSuccess: close });
  const isEnd = arm === undefined || endsWithout(report, arm);
  return (
    <ConfirmDialog
      title={arm === undefined ? `Stop ${experimentId}?` : `Take ${arm} out of ${experimentId}?`}
      action={arm === undefined ? "Stop it" : "Take it out"}
      error={stop.error}
      isBusy={stop.isPending}
      confirm={() => {
        author.keep();
        stop.mutate({ experimentId, arm: arm ?? "", comment, author: author.author });
      }}
      close={close}
    >
      {arm !== undefined && (
        <p>
          Its calls have the configuration in force again, here now and at the other replicas within seconds.
          What it has shown stays; it cannot be put back.
        </p>
      )}
      {arm !== undefined && isEnd && (
        <p className="attention">! Too few arms are left to compare then, so the experiment ends with it.</p>
      )}
      {arm === undefined && (
        <p>
          All calls have the configuration in force again, here now and at the other replicas within seconds.
          What it has shown stays, and the configurations of its arms can still be used. It cannot go on
          later, and its name is not used again.
        </p>
      )}
      <div className="grid fields">
        <label>
          <span>Why</span>
          <input maxLength={1024} value={comment} onChange={(event) => setComment(event.target.value)} />
        </label>
        <AuthorField of={author} />
      </div>
    </ConfirmDialog>
  );
}
