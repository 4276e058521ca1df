/** The bar of unsaved changes: what is wrong with them, what differs, what they would have cost, and the way to publish. */
import { useEffect, useState } from "react";
import type { ValidateConfigResponse } from "../../../../gen/modeltier/v1/config_pb.js";
import type { RoutingConfig } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { Problem } from "../parts/states.tsx";
import { Backtest, useBacktest } from "./Backtest.tsx";
import { Changes } from "./ChangeDialog.tsx";

type Props = Readonly<{
  draft: RoutingConfig;
  validation: ValidateConfigResponse | undefined;
  canPublish: boolean;
  /** The dialog that publishes is open, and shows the backtest itself. */
  isReviewed: boolean;
  error: unknown;
  discard: () => void;
  publish: () => void;
}>;

export function Unsaved({ draft, validation, canPublish, isReviewed, error, discard, publish }: Props) {
  const violations = validation?.violations ?? [];
  // The bar appears under the hands of who edits: what they edit stays in sight.
  useEffect(() => {
    // What it returns in newer browsers, a promise, is no clean-up.
    document.activeElement?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <section className="unsaved stack" aria-label="Unsaved changes">
      {error !== null && <Problem error={error} />}
      {violations.map(({ field, description }) => (
        <p key={field + description} className="broken-text small">
          ✕ {field}: {description}
        </p>
      ))}
      <div className="folded">
        <details>
          <summary>
            {validation?.changes.length ?? 0} unsaved{" "}
            {validation?.changes.length === 1 ? "change" : "changes"}
          </summary>
          <Changes of={validation?.changes} />
        </details>
        <Tested draft={canPublish && !isReviewed ? draft : undefined} />
      </div>
      <div className="row end stays">
        <button type="button" onClick={discard}>
          Discard
        </button>
        <button type="button" className="main" disabled={!canPublish} onClick={publish}>
          Review and publish
        </button>
      </div>
    </section>
  );
}

/** The backtest, once somebody wants to see it. @param draft undefined: not to be tested now */
export function Tested({ draft }: { draft: RoutingConfig | undefined }) {
  const [isOpen, setOpen] = useState(false);
  const state = useBacktest(isOpen ? draft : undefined);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What they would have cost</summary>
      {draft === undefined ? (
        <p className="muted">It is tested once it can be published.</p>
      ) : (
        <Backtest state={state} />
      )}
    </details>
  );
}
