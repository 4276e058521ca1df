/** One experiment: its question, what may be said of each arm, and what can be done about it. */
import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type {
  Experiment,
  ExperimentEvent,
  ExperimentReport,
} from "../../../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../../../gen/modeltier/v1/experiment_service_pb.js";
import { queries } from "../api/client.ts";
import { Link, useAddress } from "../frame/router.tsx";
import { Asked } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { When } from "../parts/values.tsx";
import { percent, spanOf } from "../text/format.ts";
import { ArmSection, UnevenShares } from "./ArmSection.tsx";
import { Status } from "./Experiments.tsx";
import { isRunning, sayQuestion, unitName, unitsName } from "./experiment-words.ts";
import { RampDialog } from "./RampDialog.tsx";
import { StopDialog } from "./StopDialog.tsx";
import { UseArmDialog } from "./UseArmDialog.tsx";

export function ExperimentScreen() {
  const { path } = useAddress();
  const experimentId = decodeURIComponent(path.split("/")[2] ?? "");
  const found = useQuery(
    ExperimentService.method.getExperiment,
    { experimentId },
    { refetchInterval: 3_000 },
  );
  return (
    <>
      <p>
        <Link to="/experiments">← Experiments</Link>
      </p>
      {found.data?.report === undefined && <h1>Experiment {experimentId}</h1>}
      <Asked of={{ ...found, data: found.data?.report }} height={480}>
        {(report) => <Opened report={report} />}
      </Asked>
    </>
  );
}

type Open =
  | Readonly<{ kind: "ramp" }>
  | Readonly<{ kind: "stop"; arm?: string }>
  | Readonly<{ kind: "use"; arm: string }>;

function Opened({ report }: { report: ExperimentReport }) {
  const [open, setOpen] = useState<Open | undefined>();
  const { experiment, arms } = report;
  if (experiment === undefined) return null;
  const close = () => {
    setOpen(undefined);
    void queries.invalidateQueries();
  };
  const runs = isRunning(report);
  return (
    <>
      <h1>{sayQuestion(experiment.arms, experiment.question?.margin ?? 0)}</h1>
      <Now report={report} experiment={experiment} />
      {runs && (
        <div className="row">
          <button type="button" onClick={() => setOpen({ kind: "ramp" })}>
            Change shares
          </button>
          <button type="button" onClick={() => setOpen({ kind: "stop" })}>
            Stop the experiment
          </button>
        </div>
      )}
      {report.unevenShares && <UnevenShares />}
      {/* The answers first, and what they are held against after them. */}
      {[...arms.slice(1), ...arms.slice(0, 1)].map((arm) => (
        <ArmSection
          key={arm.name}
          arm={arm}
          report={report}
          actions={
            <div className="row">
              {arm.changes.length > 0 && (
                <button type="button" onClick={() => setOpen({ kind: "use", arm: arm.name })}>
                  Use the configuration of {arm.name}
                </button>
              )}
              {runs && !arm.stopped && (
                <button type="button" onClick={() => setOpen({ kind: "stop", arm: arm.name })}>
                  Take {arm.name} out
                </button>
              )}
            </div>
          }
        />
      ))}
      <Terms experiment={experiment} />
      <Events of={report.events} />
      {open?.kind === "ramp" && <RampDialog report={report} close={close} />}
      {open?.kind === "stop" && <StopDialog report={report} arm={open.arm} close={close} />}
      {open?.kind === "use" && <UseArmDialog report={report} arm={open.arm} close={close} />}
    </>
  );
}

const Now = ({ report, experiment }: { report: ExperimentReport; experiment: Experiment }) => (
  <p className="muted">
    {experiment.experimentId}
    {experiment.description === "" ? "" : `: ${experiment.description}`} · <Status of={report} />, started{" "}
    <When time={report.startedAt} />
    {report.stoppedAt !== undefined && (
      <>
        , stopped <When time={report.stoppedAt} />
      </>
    )}
  </p>
);

function Terms({
  experiment: { unit, trafficShare, agentIds, question, unitWindow, feedbackWait },
}: {
  experiment: Experiment;
}) {
  const isEveryone = agentIds.length === 0;
  return (
    <section className="stack card">
      <h2>How it is asked</h2>
      <dl className="facts">
        <dt>Drawn into it</dt>
        <dd>
          {percent(trafficShare)} of {isEveryone ? `all ${unitsName(unit)}` : `the ${unitsName(unit)} of`}{" "}
          {agentIds.join(", ")}
          {trafficShare < 1 || !isEveryone ? "; all other calls have the configuration in force" : ""}
        </dd>
        <dt>A unit</dt>
        <dd>
          is one {unitName(unit)}, and counts once: as the mean of its calls for {spanOf(unitWindow)} from the
          first on, with the feedback of {spanOf(feedbackWait)} more
        </dd>
        <dt>When to look</dt>
        <dd>
          Look as often as you like, and stop when you know enough: what is said here holds at every look.
          Over the whole life of the experiment, each answer is wrong by chance in at most{" "}
          {percent(question?.alpha ?? 0)} of such experiments.
        </dd>
      </dl>
    </section>
  );
}

const Events = ({ of: events }: { of: readonly ExperimentEvent[] }) => (
  <section className="stack card">
    <h2>What happened</h2>
    <Table
      caption="Events of the experiment, oldest first"
      rows={events}
      keyOf={(_, index) => String(index)}
      columns={[
        { name: "When", cell: ({ at }) => <When time={at} /> },
        { name: "Who", cell: ({ author }) => author },
        { name: "What", cell: ({ description }) => description },
      ]}
    />
  </section>
);
