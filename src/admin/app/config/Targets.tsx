/** A tier's targets in the order they are tried: by pointer or by keyboard, from the catalogue only. */
import { create } from "@bufbuild/protobuf";
import { useRef, useState } from "react";
import type { TierConfig } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { type ModelTarget, ModelTargetSchema } from "../../../../gen/modeltier/v1/routing_pb.js";
import { Retirement } from "../parts/retirement.tsx";
import { Target } from "../parts/values.tsx";
import { type Entry, findEntry, nameOf, sayAvailability, sayPrice, sayWindow } from "./catalogue.ts";
import { TargetOptions } from "./target-options.tsx";

type Props = Readonly<{
  tier: string;
  config: TierConfig;
  entries: readonly Entry[];
  change: (targets: ModelTarget[]) => void;
  violations: ReadonlyMap<string, string>;
}>;

const moved = (targets: readonly ModelTarget[], from: number, to: number): ModelTarget[] => {
  const next = [...targets];
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
};

export function Targets({ tier, config, entries, change, violations }: Props) {
  const { targets } = config;
  const dragged = useRef<number | undefined>(undefined);
  const [over, setOver] = useState<number | undefined>();
  const [said, setSaid] = useState("");
  const move = (from: number, to: number) => {
    const target = targets[from];
    if (target === undefined || to < 0 || to >= targets.length) return;
    change(moved(targets, from, to));
    setSaid(`${nameOf(target)} is now number ${to + 1} of ${targets.length} in ${tier}`);
  };
  return (
    <>
      <ol className="targets" aria-label={`Targets of ${tier}, first to try first`}>
        {targets.map((target, index) => (
          <li
            key={nameOf(target)}
            draggable
            className={over === index ? "over" : undefined}
            onDragStart={() => {
              dragged.current = index;
            }}
            onDragOver={(event) => {
              event.preventDefault();
              setOver(index);
            }}
            onDragEnd={() => setOver(undefined)}
            onDrop={(event) => {
              event.preventDefault();
              if (dragged.current !== undefined) move(dragged.current, index);
              setOver(undefined);
            }}
          >
            <TargetFacts target={target} entry={findEntry(entries, target)} place={index + 1} />
            {[...violations].map(([field, text]) =>
              field.startsWith(`tiers.${tier}.targets[${index}]`) ? (
                <p key={field} className="broken-text small">
                  ✕ {text}
                </p>
              ) : null,
            )}
            <div className="row end">
              <button
                type="button"
                className="icon"
                aria-label={`Move ${nameOf(target)} up in ${tier}`}
                disabled={index === 0}
                onClick={() => move(index, index - 1)}
              >
                ↑
              </button>
              <button
                type="button"
                className="icon"
                aria-label={`Move ${nameOf(target)} down in ${tier}`}
                disabled={index === targets.length - 1}
                onClick={() => move(index, index + 1)}
              >
                ↓
              </button>
              <button
                type="button"
                className="icon"
                aria-label={`Remove ${nameOf(target)} from ${tier}`}
                onClick={() => change(targets.filter((_, at) => at !== index))}
              >
                ✕
              </button>
            </div>
          </li>
        ))}
      </ol>
      <span className="hidden" role="status">
        {said}
      </span>
      <AddTarget
        tier={tier}
        targets={targets}
        entries={entries}
        add={(target) => change([...targets, target])}
      />
    </>
  );
}

function TargetFacts({
  target,
  entry,
  place,
}: {
  target: ModelTarget;
  entry: Entry | undefined;
  place: number;
}) {
  const available = entry === undefined ? undefined : sayAvailability(entry);
  return (
    <>
      <strong className="small">
        {place}. <Target target={target} />
      </strong>
      {entry === undefined ? (
        <span className="attention small">! not in the catalogue: price and window are unknown</span>
      ) : (
        <>
          <span className="muted num">{sayPrice(entry.model)}</span>
          <span className="muted num">
            {sayWindow(entry.model)} ·{" "}
            <span className={available?.isGood ? "good" : "broken-text"}>
              {available?.isGood ? "✓" : "✕"} {available?.text}
            </span>
          </span>
          <span className="small">
            <Retirement of={entry.model} />
          </span>
        </>
      )}
    </>
  );
}

/** Provider and model are one choice. */
function AddTarget({
  tier,
  targets,
  entries,
  add,
}: {
  tier: string;
  targets: readonly ModelTarget[];
  entries: readonly Entry[];
  add: (target: ModelTarget) => void;
}) {
  const taken = new Set(targets.map(nameOf));
  const free = entries.filter(({ provider, model }) => !taken.has(`${provider.id}/${model.model}`));
  const choose = (name: string) => {
    const entry = free.find(({ provider, model }) => `${provider.id}/${model.model}` === name);
    if (entry !== undefined)
      add(create(ModelTargetSchema, { provider: entry.provider.id, model: entry.model.model }));
  };
  return (
    <label>
      <span>Add a target to {tier}</span>
      <select value="" onChange={(event) => choose(event.target.value)}>
        <option value="">choose a model …</option>
        <TargetOptions entries={free} />
      </select>
    </label>
  );
}
