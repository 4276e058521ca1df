import { useQuery } from "@connectrpc/connect-query";
import { useEffect, useMemo, useRef, useState } from "react";
import {
  ConfigSource,
  type ConfigVersion,
  type ConfigWarning,
  type GetConfigResponse,
} from "../../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { queries } from "../api/client.ts";
import { Asked } from "../parts/states.tsx";
import { When } from "../parts/values.tsx";
import { Changes } from "./ChangeDialog.tsx";
import { listEntries } from "./catalogue.ts";
import { useDraft, useValidation } from "./draft.ts";
import { History, RollbackDialog } from "./History.tsx";
import { PublishDialog } from "./PublishDialog.tsx";
import { Rules } from "./Rules.tsx";
import { Tiers } from "./Tiers.tsx";
import { Thresholds } from "./thresholds.tsx";
import { Unsaved } from "./Unsaved.tsx";

export function ConfigScreen() {
  const current = useQuery(ConfigService.method.getConfig, {}, { refetchInterval: 3_000 });
  return (
    <>
      {current.data === undefined && <h1>Orchestration Config</h1>}
      <Asked of={current} height={640}>
        {(data) => <Editor current={data} />}
      </Asked>
    </>
  );
}

/** Edited in the columns and on the line; the preset is a note of where the document began. */
const ELSEWHERE: ReadonlySet<string> = new Set(["preset", "thresholds", "targets"]);

type Open = Readonly<{ kind: "publish" }> | Readonly<{ kind: "rollback"; version: bigint }>;

function Editor({ current }: { current: GetConfigResponse }) {
  const { draft, base, basedOn, isDirty, edit, discard, rebase } = useDraft(current);
  const validation = useValidation(draft);
  const providers = useQuery(ProviderService.method.listProviders, {}, { refetchInterval: 5_000 });
  const entries = useMemo(
    () => listEntries(providers.data?.providers ?? [], providers.data?.sandbox === true),
    [providers.data],
  );
  const violations = useMemo(
    () => new Map(validation.data?.violations.map(({ field, description }) => [field, description])),
    [validation.data],
  );
  const [open, setOpen] = useState<Open | undefined>();
  const [published, setPublished] = useState<ConfigVersion | undefined>();
  const inForce = current.versionInForce;
  const finish = (version: ConfigVersion | undefined) => {
    setOpen(undefined);
    setPublished(version);
    discard();
    void queries.invalidateQueries();
  };
  const changed = (validation.data?.changes.length ?? 0) > 0;
  return (
    <>
      <Heading current={current} />
      <Tiers
        draft={draft}
        edit={edit}
        entries={entries}
        violations={violations}
        warnings={validation.data?.warnings ?? []}
      />
      <Thresholds draft={draft} base={base} edit={edit} />
      <section className="stack card">
        <h2>Rules</h2>
        <RuleWarnings of={validation.data?.warnings ?? []} />
        <Rules
          message={draft}
          omit={ELSEWHERE}
          path=""
          violations={violations}
          change={(change) => edit((next) => change(next as unknown as Record<string, unknown>))}
        />
      </section>
      <History inForce={inForce} rollBack={(version) => setOpen({ kind: "rollback", version })} />
      {isDirty && (
        <Unsaved
          validation={validation.data}
          canPublish={validation.isSettled && violations.size === 0 && validation.error === null && changed}
          error={validation.error}
          draft={draft}
          isReviewed={open !== undefined}
          discard={discard}
          publish={() => setOpen({ kind: "publish" })}
        />
      )}
      {published !== undefined && !isDirty && (
        <Published
          version={published}
          rollBack={() => setOpen({ kind: "rollback", version: published.basedOn })}
          close={() => setPublished(undefined)}
        />
      )}
      {open?.kind === "publish" && (
        <PublishDialog
          draft={draft}
          basedOn={basedOn}
          changes={validation.data?.changes}
          rebase={rebase}
          takeTheirs={() => {
            setOpen(undefined);
            discard();
          }}
          close={() => setOpen(undefined)}
          done={finish}
        />
      )}
      {open?.kind === "rollback" && (
        <RollbackDialog
          version={open.version}
          inForce={inForce}
          close={() => setOpen(undefined)}
          done={finish}
        />
      )}
    </>
  );
}

/** Those of tiers stand with their tier. */
const RuleWarnings = ({ of: warnings }: { of: readonly ConfigWarning[] }) =>
  warnings
    .filter(({ field }) => !field.startsWith("tiers."))
    .map(({ field, description }) => (
      <p key={field + description} className="attention small">
        ! <code>{field}</code>: {description}
      </p>
    ));

/** Stands where the unsaved changes stood, and takes over the focus of the button that is gone. */
function Published({
  version,
  rollBack,
  close,
}: {
  version: ConfigVersion;
  rollBack: () => void;
  close: () => void;
}) {
  const note = useRef<HTMLElement>(null);
  useEffect(() => {
    note.current?.focus({ preventScroll: true });
  }, []);
  return (
    <section className="unsaved row" aria-label="Published" tabIndex={-1} ref={note}>
      <p className="good grow" role="status">
        ✓ Published v{String(version.version)}. It routes here now and everywhere within moments.
      </p>
      <button type="button" onClick={rollBack}>
        Roll back
      </button>
      <button type="button" className="icon" aria-label="Dismiss" onClick={close}>
        ✕
      </button>
    </section>
  );
}

function Heading({ current: { version, config, parts, fromSnapshot } }: { current: GetConfigResponse }) {
  const differing = parts.filter(({ source }) => source !== ConfigSource.PRESET).map(({ field }) => field);
  const overridden = parts.flatMap(({ overriddenVariables }) => overriddenVariables);
  const isPublished = version !== undefined && version.version > 0n;
  return (
    <div className="stack">
      <h1>
        {isPublished
          ? `v${version.version} is running, by ${version.author}`
          : `The preset ${config?.preset} is running; nothing is published.`}
      </h1>
      <p className="muted">
        {isPublished && (
          <>
            Since <When time={version.createdAt} />
            {version.comment === "" ? "" : `: ${version.comment}`}.{" "}
          </>
        )}
        {!isPublished && differing.length > 0 && `From the environment: ${differing.join(", ")}. `}
        {overridden.length > 0 &&
          `Overridden by the published version: ${[...new Set(overridden)].join(", ")}. `}
        {fromSnapshot && "The database has not answered yet: this is the last snapshot on disk."}
      </p>
      {isPublished && <FromPreset version={version.version} />}
    </div>
  );
}

function FromPreset({ version }: { version: bigint }) {
  const { data } = useQuery(ConfigService.method.diffConfig, { fromVersion: 0n, toVersion: version });
  if (data === undefined) return null;
  const { length } = data.changes;
  if (length === 0) return <p className="muted">It is the same as the preset.</p>;
  return (
    <details>
      <summary>
        {length} {length === 1 ? "field differs" : "fields differ"} from the preset
      </summary>
      <Changes of={data.changes} />
    </details>
  );
}
