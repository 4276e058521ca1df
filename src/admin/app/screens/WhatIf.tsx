/** What the same calls would have cost with other targets: chosen here, worked out from the record, published elsewhere. */
import { equals } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { type FormEvent, useState } from "react";
import type { ConfigVersion, GetConfigResponse } from "../../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { type RoutingConfig, RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { Backtest, useBacktest } from "../config/Backtest.tsx";
import { listEntries } from "../config/catalogue.ts";
import { findDraft, proposeDraft } from "../config/draft.ts";
import { TargetOptions } from "../config/target-options.tsx";
import { navigate } from "../frame/router.tsx";
import { Asked, Problem } from "../parts/states.tsx";
import { candidateOf, type Firsts, firstOf, TIER_NAMES } from "./what-if.ts";

type Props = Readonly<{ days: number; from: Timestamp; versions: readonly ConfigVersion[] }>;

export function WhatIf(props: Props) {
  const current = useQuery(ConfigService.method.getConfig, {});
  return (
    <section className="stack card" aria-labelledby="what-if">
      <h2 id="what-if">What if?</h2>
      <p className="muted">
        The executions of the last {props.days} days, decided anew, with the tokens they used, beside what was
        paid. Nothing is changed by asking.
      </p>
      <Asked of={current} height={120}>
        {(data) => <Question current={data} {...props} />}
      </Asked>
    </section>
  );
}

/** What is asked about begins as what is in force, as one's unsaved changes, or as a version there was. */
const IN_FORCE = "in force";
const UNSAVED = "unsaved";

function Question({ current, days, from, versions }: Props & { current: GetConfigResponse }) {
  const [start, setStart] = useState(IN_FORCE);
  const [firsts, setFirsts] = useState<Firsts>({});
  const [asked, setAsked] = useState<RoutingConfig | undefined>();
  const isVersion = start !== IN_FORCE && start !== UNSAVED;
  const version = useQuery(
    ConfigService.method.getConfig,
    { version: isVersion ? BigInt(start) : 0n },
    { enabled: isVersion, staleTime: Number.POSITIVE_INFINITY },
  );
  const backtest = useBacktest(asked, from);
  const unsaved = findDraft();
  const base = isVersion ? version.data?.config : start === UNSAVED ? unsaved : current.config;
  const choose = (change: () => void) => {
    change();
    setAsked(undefined);
  };
  const ask = (event: FormEvent) => {
    event.preventDefault();
    if (base !== undefined) setAsked(candidateOf(base, firsts));
  };
  return (
    <>
      <form className="grid fields broad" onSubmit={ask}>
        <label>
          <span>Begin with</span>
          <select
            value={start}
            onChange={(event) => {
              const { value } = event.target;
              choose(() => {
                setStart(value);
                setFirsts({});
              });
            }}
          >
            <option value={IN_FORCE}>what is in force</option>
            {unsaved !== undefined && <option value={UNSAVED}>my unsaved changes</option>}
            {versions
              .filter((one) => one.version !== current.versionInForce)
              .map((one) => (
                <option key={String(one.version)} value={String(one.version)}>
                  v{String(one.version)}
                  {one.comment === "" ? "" : `: ${one.comment}`}
                </option>
              ))}
            {current.versionInForce !== 0n && <option value="0">the preset and the environment</option>}
          </select>
        </label>
        {base !== undefined &&
          TIER_NAMES.map((tier) => (
            <FirstTarget
              key={tier}
              tier={tier}
              value={firsts[tier] ?? firstOf(base, tier)}
              choose={(name) => choose(() => setFirsts({ ...firsts, [tier]: name }))}
            />
          ))}
        <div className="field-end">
          <button type="submit" className="main" disabled={base === undefined}>
            Show the cost
          </button>
        </div>
      </form>
      {version.error !== null && <Problem error={version.error} again={version.refetch} />}
      {asked !== undefined && (
        <div className="stack" aria-live="polite">
          <Backtest state={backtest} period={`last ${days} days`} assumptions />
          {backtest.report !== undefined && <Onward candidate={asked} current={current} />}
        </div>
      )}
    </>
  );
}

function FirstTarget({
  tier,
  value,
  choose,
}: {
  tier: string;
  value: string;
  choose: (name: string) => void;
}) {
  const providers = useQuery(ProviderService.method.listProviders, {});
  const entries = listEntries(providers.data?.providers ?? [], providers.data?.sandbox === true);
  const isListed = entries.some(({ provider, model }) => `${provider.id}/${model.model}` === value);
  return (
    <label>
      <span>{tier} asks first</span>
      <select value={value} onChange={(event) => choose(event.target.value)}>
        {!isListed && <option value={value}>{value}</option>}
        <TargetOptions entries={entries} />
      </select>
    </label>
  );
}

/** From the answer to the change, which has a diff and asks why. */
function Onward({ candidate, current }: { candidate: RoutingConfig; current: GetConfigResponse }) {
  if (current.config === undefined || equals(RoutingConfigSchema, candidate, current.config)) {
    return <p className="muted">This is what is in force: there is nothing to publish.</p>;
  }
  const unsaved = findDraft();
  if (unsaved !== undefined && !equals(RoutingConfigSchema, unsaved, candidate)) {
    return (
      <p className="muted">
        To publish this, publish or discard your unsaved changes in Orchestration Config first.
      </p>
    );
  }
  const take = () => {
    proposeDraft(current, candidate);
    navigate("/config");
  };
  return (
    <div>
      <button type="button" onClick={take}>
        Take it to Orchestration Config
      </button>
    </div>
  );
}
