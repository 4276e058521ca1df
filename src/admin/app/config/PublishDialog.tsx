/** Publishing, and what to do when somebody else published in between. */
import { useMutation } from "@connectrpc/connect-query";
import type {
  ConfigVersion,
  GetConfigResponse,
  ValidateConfigResponse,
} from "../../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { Problem } from "../parts/states.tsx";
import { ChangeDialog, Changes } from "./ChangeDialog.tsx";
import { findConflict } from "./conflict.ts";

export function PublishDialog({
  draft,
  basedOn,
  changes,
  rebase,
  takeTheirs,
  close,
  done,
}: {
  draft: GetConfigResponse["config"];
  basedOn: bigint;
  changes: ValidateConfigResponse["changes"] | undefined;
  rebase: (newest: bigint) => void;
  takeTheirs: () => void;
  close: () => void;
  done: (version: ConfigVersion | undefined) => void;
}) {
  const publish = useMutation(ConfigService.method.publishConfig, {
    onSuccess: (answer) => done(answer.version),
  });
  const conflict = findConflict(publish.error);
  const problem =
    conflict?.newest === undefined ? (
      publish.error !== null && <Problem error={publish.error} />
    ) : (
      <div className="note broken stack" role="alert">
        <p>
          {conflict.newest.author} published v{String(conflict.newest.version)} while you edited. What it
          changed:
        </p>
        <Changes of={conflict.changes} />
        <div className="row">
          <button type="button" onClick={takeTheirs}>
            Drop my changes
          </button>
          <button
            type="button"
            onClick={() => {
              rebase(conflict.newest?.version ?? basedOn);
              publish.reset();
            }}
          >
            Keep mine in place of v{String(conflict.newest.version)}
          </button>
        </div>
      </div>
    );
  return (
    <ChangeDialog
      title="Publish these changes"
      action="Publish"
      candidate={draft}
      changes={changes}
      isBusy={publish.isPending}
      problem={problem}
      confirm={(words) =>
        publish.mutate({ ...(draft !== undefined && { config: draft }), basedOn, ...words })
      }
      close={close}
    />
  );
}
