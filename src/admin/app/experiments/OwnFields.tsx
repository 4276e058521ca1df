/** What the second arm has of its own, by its kind. */
import { clone } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { type RoutingConfig, RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { listEntries } from "../config/catalogue.ts";
import { Targets } from "../config/Targets.tsx";
import { Empty } from "../parts/states.tsx";
import { TIER_NAMES, type TierName } from "../screens/what-if.ts";
import { type Violations, violationsUnder } from "./field-violations.ts";
import { FormField } from "./form-field.tsx";
import type { StartForm } from "./start-form.ts";

const CONFIG = "arms[1].config";

type Props = Readonly<{
  form: StartForm;
  set: (change: Partial<StartForm>) => void;
  /** The document that the arm's fields are taken from. */
  own: RoutingConfig;
  setOwn: (own: RoutingConfig) => void;
  violations: Violations;
}>;

export function OwnFields(props: Props) {
  switch (props.form.kind) {
    case "targets":
      return <TierTargets {...props} />;
    case "thresholds":
      return <Cuts {...props} />;
    case "scorer":
      return <Scorer {...props} />;
    case "version":
      return null;
  }
}

/** A copy with one thing changed. */
function changed(own: RoutingConfig, change: (next: RoutingConfig) => void): RoutingConfig {
  const next = clone(RoutingConfigSchema, own);
  change(next);
  return next;
}

function TierTargets({ form, set, own, setOwn, violations }: Props) {
  const providers = useQuery(ProviderService.method.listProviders, {});
  const entries = listEntries(providers.data?.providers ?? [], providers.data?.sandbox === true);
  const { tier } = form;
  const config = own.tiers?.[tier];
  const inConfig = violationsUnder(violations, CONFIG);
  const problem = inConfig.get(`tiers.${tier}.targets`);
  return (
    <div className="stack" style={{ maxWidth: 560 }}>
      <label>
        <span>Tier</span>
        <select value={tier} onChange={(event) => set({ tier: event.target.value as TierName })}>
          {TIER_NAMES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {config !== undefined && (
        <Targets
          tier={tier}
          config={config}
          entries={entries}
          violations={inConfig}
          change={(targets) =>
            setOwn(
              changed(own, ({ tiers }) => {
                const edited = tiers?.[tier];
                if (edited !== undefined) edited.targets = targets;
              }),
            )
          }
        />
      )}
      {problem !== undefined && <p className="broken-text small">✕ {problem}</p>}
    </div>
  );
}

const CUTS = [
  { name: "Balanced from", field: "balancedFrom", at: "balanced_from" },
  { name: "Balanced up to", field: "balancedTo", at: "balanced_to" },
] as const;

const Cuts = ({ own, setOwn, violations }: Props) => (
  <div className="grid fields">
    {CUTS.map(({ name, field, at }) => (
      <FormField key={at} name={name} at={`${CONFIG}.thresholds.${at}`} violations={violations}>
        {(wrong) => (
          <input
            type="number"
            min="0"
            max="10"
            step="0.1"
            required
            {...wrong}
            value={own.thresholds?.[field] ?? 0}
            onChange={(event) =>
              setOwn(
                changed(own, ({ thresholds }) => {
                  if (thresholds !== undefined) thresholds[field] = Number(event.target.value);
                }),
              )
            }
          />
        )}
      </FormField>
    ))}
  </div>
);

const Scorer = ({ own, setOwn, violations }: Props) => (
  <div className="grid fields">
    <FormField name="Scoring rule" at={`${CONFIG}.scorer`} violations={violations}>
      {(wrong) => (
        <input
          value={own.scorer}
          required
          list="scorers"
          {...wrong}
          onChange={(event) =>
            setOwn(
              changed(own, (next) => {
                next.scorer = event.target.value;
              }),
            )
          }
        />
      )}
    </FormField>
    <datalist id="scorers">
      <option value="classic" />
      <option value="calibrated" />
    </datalist>
  </div>
);

/** @param version in text; empty: none is chosen */
export function VersionChoice({ version, choose }: { version: string; choose: (version: string) => void }) {
  const listed = useQuery(ConfigService.method.listConfigVersions, { pageSize: 50 });
  const current = useQuery(ConfigService.method.getConfig, {});
  const versions = (listed.data?.versions ?? []).filter(
    (one) => one.version !== current.data?.versionInForce,
  );
  if (listed.data !== undefined && versions.length === 0 && current.data?.versionInForce === 0n) {
    return (
      <Empty>
        No version is published: publish one in Orchestration Config, or choose something else of its own.
      </Empty>
    );
  }
  return (
    <label>
      <span>Version</span>
      <select required value={version} onChange={(event) => choose(event.target.value)}>
        <option value="">choose a version …</option>
        {versions.map((one) => (
          <option key={String(one.version)} value={String(one.version)}>
            v{String(one.version)}
            {one.comment === "" ? "" : `: ${one.comment}`}
          </option>
        ))}
        {current.data !== undefined && current.data.versionInForce !== 0n && (
          <option value="0">the preset and the environment</option>
        )}
      </select>
    </label>
  );
}
