import { useQuery } from "@connectrpc/connect-query";
import {
  BandState,
  type Overview as Figures,
  type PeriodTotals,
  type ProviderDistribution,
  type ProviderHealth,
} from "../../../../gen/modeltier/v1/analytics_pb.js";
import type { Provider } from "../../../../gen/modeltier/v1/provider_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { useOverview } from "../api/watch-overview.ts";
import { Link } from "../frame/router.tsx";
import { ShareLines, Sparkline } from "../parts/charts.tsx";
import { Asked, Empty, Problem } from "../parts/states.tsx";
import { Figure, Table } from "../parts/table.tsx";
import { Count, Money, TierMark, When } from "../parts/values.tsx";
import { count, day, percent, spanOf, usd } from "../text/format.ts";
import { outcomeName, providerClass, providerName, tierName } from "../text/names.ts";
import { findRemedy } from "../text/remedies.ts";
import { findTrouble, sayBreakers, sayOverview } from "./overview-sentence.ts";

export function Overview() {
  const { overview, error } = useOverview();
  const providers = useQuery(ProviderService.method.listProviders, {}, { refetchInterval: 2_000 });
  const listed = providers.data?.providers ?? [];
  const sandbox = providers.data?.sandbox === true;
  return (
    <>
      <h1>{overview === undefined ? "Overview" : sayOverview(overview, listed, sandbox)}</h1>
      {error !== null && overview !== undefined && (
        <>
          <Problem error={error} />
          <p className="muted">
            What follows was read <When time={overview.asOf} />.
          </p>
        </>
      )}
      <Asked of={{ data: overview, error: overview === undefined ? error : null }} height={400}>
        {(figures) => (
          <>
            <Headlines figures={figures} />
            <Distribution of={figures.distribution} />
            <section className="stack">
              <h2>Providers</h2>
              <div className="grid">
                {listed.map((provider) => (
                  <ProviderCard
                    key={provider.id}
                    provider={provider}
                    sandbox={sandbox}
                    health={figures.providers.find(({ provider: id }) => id === provider.id)}
                  />
                ))}
              </div>
              <p className="muted">
                Of the hour under way and the one before. Read <When time={figures.asOf} />.
              </p>
            </section>
          </>
        )}
      </Asked>
    </>
  );
}

const num = (period: PeriodTotals | undefined, of: "executions" | "errors" | "fallbacks" | "costNanoUsd") =>
  period?.totals?.[of] ?? 0n;

function Headlines({ figures: { today, yesterdaySoFar, week, month } }: { figures: Figures }) {
  const rate = (of: "errors" | "fallbacks") =>
    percent(Number(num(today, of)) / Math.max(1, Number(num(today, "executions"))));
  const line = (of: Parameters<typeof num>[1]) => week.map((period) => Number(num(period, of)));
  return (
    <section className="grid" aria-label="Today">
      <Headline
        name="Calls today"
        line={line("executions")}
        note={`${count(num(yesterdaySoFar, "executions"))} yesterday by now`}
      >
        <Count value={num(today, "executions")} />
      </Headline>
      <Headline
        name="Cost today"
        line={line("costNanoUsd")}
        note={`${usd(month?.spentNanoUsd ?? 0n)} this month${month?.projectedNanoUsd === undefined ? "" : `, heading for ${usd(month.projectedNanoUsd)}`}`}
      >
        <Money nano={num(today, "costNanoUsd")} />
      </Headline>
      <Headline name="Errors today" line={line("errors")} note={`${rate("errors")} of calls`}>
        <Count value={num(today, "errors")} />
      </Headline>
      <Headline name="Fallbacks today" line={line("fallbacks")} note={`${rate("fallbacks")} of calls`}>
        <Count value={num(today, "fallbacks")} />
      </Headline>
      <details className="whole">
        <summary>The week as a table</summary>
        <Table
          caption="The last seven days"
          rows={week}
          keyOf={(_, index) => String(index)}
          columns={[
            { name: "Day", cell: ({ start }) => (start === undefined ? "–" : day(start)) },
            { name: "Calls", cell: (one) => <Count value={num(one, "executions")} />, right: true },
            { name: "Cost", cell: (one) => <Money nano={num(one, "costNanoUsd")} />, right: true },
            { name: "Errors", cell: (one) => <Count value={num(one, "errors")} />, right: true },
            { name: "Fallbacks", cell: (one) => <Count value={num(one, "fallbacks")} />, right: true },
          ]}
        />
      </details>
    </section>
  );
}

function Headline({
  name,
  note,
  line,
  children,
}: {
  name: string;
  note: string;
  line: readonly number[];
  children: React.ReactNode;
}) {
  return (
    <div className="card stack">
      <h2>{name}</h2>
      <div className="row" style={{ justifyContent: "space-between" }}>
        <span className="big">{children}</span>
        <Sparkline values={line} />
      </div>
      <p className="muted num">{note}</p>
    </div>
  );
}

const STATE: Record<BandState, string> = {
  [BandState.UNSPECIFIED]: "",
  [BandState.NO_CALLS]: "No calls yet",
  [BandState.BELOW]: "Under its target",
  [BandState.WITHIN]: "Within its target",
  [BandState.ABOVE]: "Over its target",
};

function Distribution({ of: distribution }: { of: ProviderDistribution | undefined }) {
  const band = distribution?.band;
  if (distribution === undefined || band === undefined || distribution.calls === 0n) {
    return (
      <section className="stack">
        <h2>Distribution</h2>
        <Empty>
          No calls in the last 24 hours. <Link to="/playground">Send one from the playground</Link>, or point
          an agent at this service.
        </Empty>
      </section>
    );
  }
  const [from, to] = [band.lowestShare ?? 0, band.highestShare ?? 1];
  const within = distribution.bandState === BandState.WITHIN;
  const lines = distribution.providers.map(({ provider, share }) => ({
    name: providerName(provider),
    share,
    look: providerClass(provider),
    text: percent(share),
    ...(provider === band.provider && { band: { from, to } }),
  }));
  return (
    <section className="stack">
      <h2>Distribution of the last 24 hours</h2>
      <Figure
        title="Distribution"
        sentence={`${STATE[distribution.bandState]}: ${percent(distribution.bandShare)} of ${count(distribution.calls)} calls went to ${providerName(band.provider)}; it is meant to have ${percent(from)} to ${percent(to)}.`}
        picture={
          <div className="stack">
            <span className={within ? "good small" : "attention small"}>
              {within ? "✓" : "!"} {providerName(band.provider)}:{" "}
              {STATE[distribution.bandState].toLowerCase()}
            </span>
            <ShareLines lines={lines} />
          </div>
        }
        columns={[
          { name: "Tier", cell: ({ tier }) => <TierMark tier={tier} /> },
          { name: "Target", cell: ({ target }) => `${target?.provider}/${target?.model}` },
          { name: "Executions", cell: ({ executions }) => <Count value={executions} />, right: true },
          { name: "Share", cell: ({ share }) => percent(share), right: true },
        ]}
        rows={distribution.targets}
        keyOf={({ tier, target }) => `${tierName(tier)} ${target?.provider}/${target?.model}`}
      />
    </section>
  );
}

function ProviderCard({
  provider,
  sandbox,
  health,
}: {
  provider: Provider;
  sandbox: boolean;
  health: ProviderHealth | undefined;
}) {
  const trouble = findTrouble(provider, health, sandbox);
  const failure = health?.lastFailure;
  const remedy = failure && findRemedy(failure.outcome, provider.keyVariables[0]);
  return (
    <article className="card stack" data-provider={provider.id}>
      <h3>
        <i className={`mark ${providerClass(provider.id)}`} aria-hidden="true" />
        {providerName(provider.id)}
      </h3>
      <p className={trouble === undefined ? "good small" : "broken-text small"}>
        {trouble === undefined ? "✓ Answers" : `✕ ${trouble}`}
      </p>
      {trouble !== undefined && remedy !== undefined && <p className="small">{remedy}</p>}
      <dl className="facts">
        <dt>Key</dt>
        <dd>{provider.keyPresent ? "present" : sandbox ? "none; the sandbox answers" : "missing"}</dd>
        <dt>Breaker</dt>
        <dd>{sayBreakers(provider)}</dd>
        <dt>Calls</dt>
        <dd>{health === undefined ? "none" : count(health.calls)}</dd>
        <dt>Failed</dt>
        <dd>
          {health === undefined || health.calls === 0n
            ? "–"
            : `${count(health.failed)} (${percent(Number(health.failed) / Number(health.calls))})`}
        </dd>
        <dt>p95</dt>
        <dd>{spanOf(health?.latency?.p95)}</dd>
        <dt>First token</dt>
        <dd>{spanOf(health?.firstToken?.p95)} (p95)</dd>
        <dt>Last failure</dt>
        <dd>
          {failure === undefined ? (
            "none in 24 hours"
          ) : (
            <>
              {failure.model}: {outcomeName(failure.outcome)}, <When time={failure.at} />.{" "}
              <Link to={`/executions/${failure.executionId}`}>Open it</Link>
            </>
          )}
        </dd>
      </dl>
    </article>
  );
}
