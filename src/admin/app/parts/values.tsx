/** Single values: short on screen, exact on hover and on copy. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useEffect, useState } from "react";
import type { ModelTarget, Tier } from "../../../../gen/modeltier/v1/routing_pb.js";
import { Link } from "../frame/router.tsx";
import { ago, count, exactCount, exactUsd, moment, usd } from "../text/format.ts";
import { agentName, providerClass, tierName } from "../text/names.ts";

export function Money({ nano }: { nano: bigint }) {
  const exact = exactUsd(nano);
  return (
    <span className="num" title={exact} data-exact={exact}>
      {usd(nano)}
    </span>
  );
}

export function Count({ value, unit }: { value: bigint | number; unit?: string }) {
  const exact = exactCount(value);
  return (
    <span className="num" title={exact} data-exact={exact}>
      {count(value)}
      {unit === undefined ? "" : ` ${unit}`}
    </span>
  );
}

/** Relative under a day; grows older while one looks. */
export function When({ time }: { time: Timestamp | undefined }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  if (time === undefined) return <span>never</span>;
  return (
    <time className="num" dateTime={timestampDate(time).toISOString()} title={moment(time)}>
      {ago(time, Math.max(now, Date.now()))}
    </time>
  );
}

/** Named, and the way to what it did; of one without a name there is no list. */
export function Agent({ id }: { id: string }) {
  if (id === "") return <span>{agentName(id)}</span>;
  return <Link to={`/executions?agent=${encodeURIComponent(id)}`}>{id}</Link>;
}

/** The way to what was learned of an agent that has a name. */
export function AgentScoreLink({ id }: { id: string }) {
  if (id === "") return <span>–</span>;
  return (
    <Link to={`/agents/${encodeURIComponent(id)}`} aria-label={`score of ${id}`}>
      score
    </Link>
  );
}

export function TierMark({ tier }: { tier: Tier }) {
  return (
    <span>
      <i className={`mark is-${tierName(tier)}`} aria-hidden="true" />
      {tierName(tier)}
    </span>
  );
}

export function Target({ target }: { target: Pick<ModelTarget, "provider" | "model"> | undefined }) {
  if (target === undefined) return <span>–</span>;
  return (
    <span>
      <i className={`mark ${providerClass(target.provider)}`} aria-hidden="true" />
      {target.provider}/{target.model}
    </span>
  );
}

/** Hands the exact value of a number to the clipboard when one number is copied. */
export function copyExactValues(event: ClipboardEvent): void {
  const selection = getSelection();
  const at = (node: Node | null | undefined) =>
    (node instanceof Element ? node : node?.parentElement)?.closest<HTMLElement>("[data-exact]");
  const start = at(selection?.anchorNode);
  if (start == null || start !== at(selection?.focusNode)) return;
  event.clipboardData?.setData("text/plain", start.dataset.exact ?? "");
  event.preventDefault();
}
