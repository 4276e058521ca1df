import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Kysely } from "kysely";
import {
  type ExperimentReport,
  GetExperimentArmResponseSchema,
  GetExperimentResponseSchema,
  ListExperimentsResponseSchema,
  RampExperimentResponseSchema,
  type StartExperimentRequest,
  StartExperimentResponseSchema,
  StopExperimentResponseSchema,
} from "../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../gen/modeltier/v1/experiment_service_pb.js";
import type { ActiveConfig } from "../config/active-config.ts";
import type { ConfigDocument } from "../config/document.ts";
import { begin, isOver, nextSplit, withoutArm } from "../experiments/experiment.ts";
import { type Experiment, type KnownExperiment, liveArms } from "../experiments/types.ts";
import type { ConfigProblem } from "../routing/validate-config.ts";
import { countWaiting } from "../store/experiment-units.ts";
import {
  changeExperiment,
  type ExperimentChange,
  findExperiment,
  insertExperiment,
  listEvents,
  listExperiments,
} from "../store/experiments.ts";
import type { Database } from "../store/tables.ts";
import type { Log } from "../telemetry/log.ts";
import { armDocument } from "./convert/arm-config.ts";
import { changesToProto } from "./convert/config.ts";
import { reportToProto, summaryToProto } from "./convert/experiment.ts";
import { configToProto } from "./convert/routing-config.ts";
import { refusal } from "./errors.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { fromStore } from "./store-errors.ts";
import { readAuthor } from "./validate/author.ts";
import { pageSizeOf, publicationOf } from "./validate/config-requests.ts";
import { readExperiment, readExperimentId, readListToken, readRamp } from "./validate/experiment.ts";
import { InvalidRequestError } from "./validate/violations.ts";

export type ExperimentServiceDeps = Readonly<{
  db: Kysely<Database>;
  active: ActiveConfig;
  /** What the whole configuration of an arm is held against. */
  validate(document: ConfigDocument): readonly ConfigProblem[];
  /** Has this replica look what runs now. */
  refresh(): Promise<void>;
  log: Log;
}>;

export function experimentService(deps: ExperimentServiceDeps): ServiceEntry {
  const { db, active, validate, log } = deps;
  const ask = <T>(asking: Promise<T>): Promise<T> => fromStore(asking, log);

  const find = async (experimentId: string): Promise<KnownExperiment> =>
    known(await ask(findExperiment(db, readExperimentId(experimentId))), experimentId);

  async function report(of: KnownExperiment): Promise<ExperimentReport> {
    const { experimentId } = of.experiment;
    const [waiting, events] = await ask(
      Promise.all([countWaiting(db, experimentId), listEvents(db, experimentId)]),
    );
    const inForce = active.current.document;
    const changesOf = (arm: Parameters<typeof armDocument>[1]) => {
      const { document } = armDocument(inForce, arm, () => [], []);
      return document === undefined ? [] : changesToProto(inForce, document);
    };
    return reportToProto(of, { waiting, events, changesOf });
  }

  /** @param decide what becomes of one that runs */
  async function change(
    experimentId: string,
    author: string,
    decide: (running: KnownExperiment) => Omit<ExperimentChange, "isStopped"> & { isStopped?: boolean },
  ): Promise<ExperimentReport> {
    await find(experimentId);
    const changed = await ask(
      changeExperiment(db, experimentId, author, (now) => {
        if (now.status !== "running") throw notRunning(experimentId);
        return { isStopped: false, ...decide(now) };
      }),
    );
    await ask(deps.refresh());
    return report(known(changed, experimentId));
  }

  return serviceEntry(ExperimentService, {
    listExperiments: async (request) => {
      const limit = pageSizeOf(request);
      const page = await ask(listExperiments(db, limit + 1, readListToken(request.pageToken)));
      const shown = page.slice(0, limit);
      const nextPageToken = page.length > limit ? String(shown.at(-1)?.number ?? "") : "";
      return create(ListExperimentsResponseSchema, { experiments: shown.map(summaryToProto), nextPageToken });
    },
    getExperiment: async ({ experimentId }) =>
      create(GetExperimentResponseSchema, { report: await report(await find(experimentId)) }),
    getExperimentArm: async ({ experimentId, arm: name }) => {
      const { experiment } = await find(experimentId);
      const arm = armOf(experiment, name, ["arm"]);
      const { document } = armDocument(active.current.document, arm, validate, []);
      if (document === undefined) {
        const message = `arm ${name} makes no valid configuration with the one in force`;
        throw refusal(message, Code.FailedPrecondition, "ARM_INVALID");
      }
      return create(GetExperimentArmResponseSchema, { config: configToProto(document) });
    },
    startExperiment: async (request, context) => {
      const experiment = readStart(request);
      const author = readAuthor(request.author, context);
      const refused = await ask(insertExperiment(db, experiment, begin(experiment), author));
      if (refused !== undefined) throw notStarted(refused, experiment);
      await ask(deps.refresh());
      return create(StartExperimentResponseSchema, {
        report: await report(await find(experiment.experimentId)),
      });
    },
    rampExperiment: async (request, context) => {
      const author = readAuthor(request.author, context);
      const ramped = await change(request.experimentId, author, ({ experiment, state }) => {
        const { trafficShare = experiment.trafficShare, weights } = readRamp(
          request,
          liveArms(experiment, state),
        );
        const [first, ...others] = experiment.arms.map((arm) => ({
          ...arm,
          weight: weights.get(arm.name) ?? arm.weight,
        }));
        if (first === undefined) throw new Error("an experiment without arms");
        return {
          experiment: { ...experiment, trafficShare, arms: [first, ...others] },
          state: nextSplit(state),
          action: "ramp",
          detail: { traffic_share: trafficShare, weights: Object.fromEntries(weights) },
        };
      });
      return create(RampExperimentResponseSchema, { report: ramped });
    },
    stopExperiment: async (request, context) => {
      const by = publicationOf(request, "", context);
      const stopped = await change(request.experimentId, by.author, (now) =>
        stopping(now, request.arm, by.comment),
      );
      return create(StopExperimentResponseSchema, { report: stopped });
    },
  });

  /** The experiment to be started. @throws InvalidRequestError */
  function readStart({ experiment: given }: StartExperimentRequest): Experiment {
    const experiment = readExperiment(given);
    const violations = experiment.arms.flatMap((arm, index) => {
      const at = ["experiment", "arms", index];
      return armDocument(active.current.document, arm, validate, at).violations ?? [];
    });
    if (violations.length > 0) throw new InvalidRequestError(violations);
    return experiment;
  }
}

const notRunning = (experimentId: string) =>
  refusal(
    `experiment ${experimentId} has been stopped: start another one`,
    Code.FailedPrecondition,
    "EXPERIMENT_STOPPED",
  );

function known(found: KnownExperiment | undefined, experimentId: string): KnownExperiment {
  if (found !== undefined) return found;
  throw refusal(`there is no experiment ${experimentId}`, Code.NotFound, "EXPERIMENT_NOT_FOUND");
}

/** @throws InvalidRequestError */
function armOf({ arms }: Experiment, name: string, path: readonly string[]) {
  const arm = arms.find((one) => one.name === name);
  if (arm !== undefined) return arm;
  const description = `is not one of its arms: ${arms.map((one) => one.name).join(", ")}`;
  throw new InvalidRequestError([{ path, description }]);
}

function notStarted(refused: "name_taken" | "other_running", { experimentId }: Experiment) {
  return refused === "name_taken"
    ? refusal(
        `there was an experiment ${experimentId} already: give this one another name`,
        Code.AlreadyExists,
        "EXPERIMENT_EXISTS",
      )
    : refusal("another experiment runs: stop it first", Code.FailedPrecondition, "EXPERIMENT_RUNNING");
}

/** @param arm that is taken out; "": the experiment ends */
function stopping({ experiment, state }: KnownExperiment, arm: string, comment: string): ExperimentChange {
  if (arm === "") return { experiment, state, isStopped: true, action: "stop", detail: { comment } };
  armOf(experiment, arm, ["arm"]);
  const next = withoutArm(state, arm, "operator");
  return {
    experiment,
    state: next,
    isStopped: isOver(experiment, next),
    action: "stop_arm",
    detail: { arms: { [arm]: "operator" }, comment },
  };
}
