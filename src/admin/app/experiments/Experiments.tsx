/** All experiments, the newest first; of those one may run. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { ExperimentStatus, type ExperimentSummary } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../../../gen/modeltier/v1/experiment_service_pb.js";
import { Link } from "../frame/router.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { When } from "../parts/values.tsx";
import { isRunning, statusName } from "./experiment-words.ts";
import { START, toExperiment } from "./paths.ts";

export function Experiments() {
  const listed = useInfiniteQuery(
    ExperimentService.method.listExperiments,
    { pageSize: 50, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
      placeholderData: keepPreviousData,
      refetchInterval: 5_000,
    },
  );
  const experiments = listed.data?.pages.flatMap((page) => page.experiments);
  return (
    <>
      <h1>{sayExperiments(experiments)}</h1>
      <Asked of={{ ...listed, data: experiments }} rows={8}>
        {(rows) => (
          <>
            {rows.length === 0 ? <None /> : <List rows={rows} />}
            <Next running={rows.find(isRunning)} />
          </>
        )}
      </Asked>
      {listed.hasNextPage && (
        <div>
          <button type="button" onClick={() => void listed.fetchNextPage()}>
            Show older
          </button>
        </div>
      )}
    </>
  );
}

function sayExperiments(experiments: readonly ExperimentSummary[] | undefined): string {
  if (experiments === undefined) return "Experiments";
  if (experiments.length === 0) return "There has been no experiment yet.";
  const running = experiments.find(isRunning);
  return running === undefined
    ? "No experiment runs: every call has the configuration in force."
    : `${running.experimentId} runs: ${running.arms.join(" against ")}.`;
}

const None = () => (
  <Empty>
    An experiment has a share of the real calls done under another configuration, and says once it is known
    that this is no worse, and cheaper; an arm that does harm is stopped by itself. For the first one, say
    what the second arm has of its own, such as another model for a tier. 10 % of the traffic is a good
    beginning.
  </Empty>
);

const Next = ({ running }: { running: ExperimentSummary | undefined }) => (
  <p>
    {running === undefined ? (
      <Link to={START}>Start an experiment</Link>
    ) : (
      <span className="muted">
        One runs at a time: to start another, stop{" "}
        <Link to={toExperiment(running.experimentId)}>{running.experimentId}</Link>.
      </span>
    )}
  </p>
);

const List = ({ rows }: { rows: readonly ExperimentSummary[] }) => (
  <Table
    caption="Experiments, newest first"
    rows={rows}
    keyOf={({ experimentId }) => experimentId}
    columns={[
      {
        name: "Experiment",
        cell: ({ experimentId }) => <Link to={toExperiment(experimentId)}>{experimentId}</Link>,
      },
      { name: "What is asked", cell: ({ description }) => description || "–" },
      { name: "Status", cell: (row) => <Status of={row} /> },
      {
        name: "Since",
        cell: ({ startedAt, stoppedAt }) => <When time={stoppedAt ?? startedAt} />,
      },
      { name: "Arms", cell: ({ arms }) => arms.join(", ") },
    ]}
  />
);

export const Status = ({ of: { status } }: { of: { status: ExperimentStatus } }) =>
  status === ExperimentStatus.RUNNING ? (
    <span className="good">▶ {statusName(status)}</span>
  ) : (
    <span className="muted">■ {statusName(status)}</span>
  );
