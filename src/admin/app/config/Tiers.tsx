import { type ConfigWarning, ConfigWarningKind } from "../../../../gen/modeltier/v1/config_pb.js";
import type { RoutingConfig, TierConfigs } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import type { Entry } from "./catalogue.ts";
import type { Edit } from "./draft.ts";
import { Targets } from "./Targets.tsx";

const NAMES = ["fast", "balanced", "powerful"] as const;
/** What a target says of itself already. */
const BESIDE_TARGETS: ReadonlySet<ConfigWarningKind> = new Set([
  ConfigWarningKind.RETIRED_TARGET,
  ConfigWarningKind.MISSING_KEY,
]);
type Name = Exclude<keyof TierConfigs, `$${string}`>;

type Props = Readonly<{
  draft: RoutingConfig;
  edit: Edit;
  entries: readonly Entry[];
  violations: ReadonlyMap<string, string>;
  warnings: readonly ConfigWarning[];
}>;

/** From fast to powerful, side by side where there is room. */
export const Tiers = (props: Props) => (
  <section className="tiers" aria-label="Tiers">
    {NAMES.map((name) => (
      <Tier key={name} name={name} {...props} />
    ))}
  </section>
);

function Tier({ name, draft, edit, entries, violations, warnings }: Props & { name: Name }) {
  const config = draft.tiers?.[name];
  if (config === undefined) return null;
  const problem = violations.get(`tiers.${name}.targets`);
  const own = warnings.filter(
    ({ field, kind }) => !BESIDE_TARGETS.has(kind) && field.startsWith(`tiers.${name}`),
  );
  return (
    <section className={`stack top-${name}`}>
      <h2>
        <i className={`mark is-${name}`} aria-hidden="true" />
        {name}
      </h2>
      <Targets
        tier={name}
        config={config}
        entries={entries}
        violations={violations}
        change={(targets) =>
          edit(({ tiers }) => {
            const tier = tiers?.[name];
            if (tier !== undefined) tier.targets = targets;
          })
        }
      />
      {problem !== undefined && <p className="broken-text small">✕ {problem}</p>}
      {own.map(({ field, description }) => (
        <p key={field + description} className="attention small">
          ! {description}
        </p>
      ))}
    </section>
  );
}
