/** The common question without JSON: is a second configuration no worse than the one in force, and cheaper? */
import { useMutation, useQuery } from "@connectrpc/connect-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import type { Experiment } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../../../gen/modeltier/v1/experiment_service_pb.js";
import type { RoutingConfig } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { queries } from "../api/client.ts";
import { Link, navigate } from "../frame/router.tsx";
import { useAuthor } from "../parts/author.tsx";
import { Asked, Problem } from "../parts/states.tsx";
import { Advanced } from "./Advanced.tsx";
import { listViolations, type Violations } from "./field-violations.ts";
import { toExperiment } from "./paths.ts";
import { QuestionFields } from "./QuestionFields.tsx";
import { StartDialog } from "./StartDialog.tsx";
import { A_QUESTION, candidateOf, experimentOf, problemsOf } from "./start-form.ts";

export function StartExperiment() {
  const current = useQuery(ConfigService.method.getConfig, {});
  return (
    <>
      <p>
        <Link to="/experiments">← Experiments</Link>
      </p>
      <h1>Is another configuration no worse, and cheaper?</h1>
      <Asked of={{ ...current, data: current.data?.config }} height={640}>
        {(inForce) => <Form inForce={inForce} />}
      </Asked>
    </>
  );
}

/** What is looked at before it starts, and where it was written. */
type Reviewed = Readonly<{ experiment: Experiment; candidate?: RoutingConfig }>;

const NONE: Violations = new Map();

function Form({ inForce }: { inForce: RoutingConfig }) {
  const [form, setForm] = useState(A_QUESTION);
  const [edited, setEdited] = useState<RoutingConfig | undefined>();
  const [version, setVersion] = useState("");
  const [reviewed, setReviewed] = useState<Reviewed | undefined>();
  const [problems, setProblems] = useState(NONE);
  const [jsonProblems, setJsonProblems] = useState(NONE);
  const author = useAuthor();
  const isVersion = form.kind === "version";
  const chosen = useQuery(
    ConfigService.method.getConfig,
    { version: BigInt(version === "" ? 0 : version) },
    { enabled: isVersion && version !== "", staleTime: Number.POSITIVE_INFINITY },
  );
  const own = isVersion ? (version === "" ? undefined : chosen.data?.config) : (edited ?? inForce);
  const start = useMutation(ExperimentService.method.startExperiment, {
    onSuccess: ({ report }) => {
      void queries.invalidateQueries();
      navigate(toExperiment(report?.experiment?.experimentId ?? ""));
    },
    onError: (error) => {
      const violations = listViolations(error);
      if (violations.size === 0) return;
      if (reviewed?.candidate === undefined) setJsonProblems(violations);
      else setProblems(violations);
      setReviewed(undefined);
    },
  });
  const form_ = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (problems.size > 0) form_.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [problems]);

  /** Undefined while something in the form is no value. */
  const read = (): Experiment | undefined => {
    const found = new Map(problemsOf(form));
    if (own === undefined) found.set("arms[1].config", "is missing: choose a version");
    setProblems(found);
    return found.size > 0 || own === undefined ? undefined : experimentOf(form, own);
  };
  const review = (next: Reviewed) => {
    start.reset();
    setReviewed(next);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const experiment = read();
    if (experiment === undefined || own === undefined) return;
    review({ experiment, candidate: candidateOf(form, inForce, own) });
  };
  return (
    <>
      <form className="stack" onSubmit={submit} ref={form_}>
        <QuestionFields
          form={form}
          set={(change) => setForm({ ...form, ...change })}
          own={own ?? inForce}
          setOwn={setEdited}
          version={version}
          setVersion={setVersion}
          violations={problems}
        />
        {chosen.error !== null && <Problem error={chosen.error} again={chosen.refetch} />}
        <div className="row stays">
          <button type="submit" className="main">
            Review and start
          </button>
        </div>
      </form>
      <Advanced
        fillIn={read}
        violations={jsonProblems}
        review={(experiment) => {
          setJsonProblems(NONE);
          review({ experiment });
        }}
      />
      {reviewed !== undefined && (
        <StartDialog
          {...reviewed}
          candidate={reviewed.candidate}
          author={author}
          error={start.error}
          isBusy={start.isPending}
          confirm={() => {
            author.keep();
            start.mutate({ experiment: reviewed.experiment, author: author.author });
          }}
          close={() => setReviewed(undefined)}
        />
      )}
    </>
  );
}
