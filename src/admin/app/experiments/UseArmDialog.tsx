/** From an arm that has won to the change, which has a diff, a backtest and a reason: nothing is published from here. */
import { equals } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import type { ExperimentReport } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../../../gen/modeltier/v1/experiment_service_pb.js";
import { RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { Changes } from "../config/ChangeDialog.tsx";
import { findDraft, proposeDraft } from "../config/draft.ts";
import { navigate } from "../frame/router.tsx";
import { ConfirmDialog } from "./ConfirmDialog.tsx";
import { isRunning, sayVerdict } from "./experiment-words.ts";

export function UseArmDialog({
  report,
  arm,
  close,
}: {
  report: ExperimentReport;
  arm: string;
  close: () => void;
}) {
  const experimentId = report.experiment?.experimentId ?? "";
  const asked = { staleTime: 0, gcTime: 0 };
  const current = useQuery(ConfigService.method.getConfig, {}, asked);
  const own = useQuery(ExperimentService.method.getExperimentArm, { experimentId, arm }, asked);
  const config = own.data?.config;
  const changes = useQuery(ConfigService.method.validateConfig, config === undefined ? {} : { config }, {
    enabled: config !== undefined,
  });
  const shown = report.arms.find(({ name }) => name === arm);
  const verdict = shown && sayVerdict(shown, report);
  const unsaved = findDraft();
  const isInTheWay =
    unsaved !== undefined && config !== undefined && !equals(RoutingConfigSchema, unsaved, config);
  const follower = report.experiment?.arms.find(({ fields }) => fields.length === 0)?.name;
  const take = () => {
    if (current.data?.config === undefined || config === undefined) return;
    proposeDraft(current.data, config);
    navigate("/config");
  };
  return (
    <ConfirmDialog
      title={`Use the configuration of ${arm} for everyone?`}
      action="Take it to Orchestration Config"
      error={own.error ?? current.error ?? changes.error}
      isBusy={config === undefined || current.data === undefined || isInTheWay}
      confirm={take}
      close={close}
    >
      {verdict !== undefined && (
        <p className={verdict.tone}>
          <strong>
            {verdict.mark} {verdict.title}
          </strong>
        </p>
      )}
      <p>
        It goes to Orchestration Config as unsaved changes. Nothing is published by this: there you see what
        it would have cost, say why, and publish or discard it.
      </p>
      {isRunning(report) && (
        <p className="attention">
          ! {experimentId} still runs.{" "}
          {follower === undefined
            ? "What you publish would be under all of its arms, and for the calls outside at once: "
            : `${follower} would have what you publish at once, and there would be nothing left to compare: `}
          stop the experiment before you publish.
        </p>
      )}
      {isInTheWay && (
        <p className="attention">
          ! You have unsaved changes in Orchestration Config: publish or discard them first.
        </p>
      )}
      <h3>What would change</h3>
      <Changes of={changes.data?.changes} />
    </ConfirmDialog>
  );
}
