import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { Completed } from "../../../../gen/modeltier/v1/completion_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { RouterService } from "../../../../gen/modeltier/v1/router_service_pb.js";
import { useSettled } from "../api/use-settled.ts";
import { Link } from "../frame/router.tsx";
import { DecisionView } from "../parts/decision.tsx";
import { Asked, Empty, Problem } from "../parts/states.tsx";
import { count, exactUsd, span, spanOf, usd } from "../text/format.ts";
import { finishName, outcomeName, tierName } from "../text/names.ts";
import { type Answer, type Heard, useAnswer } from "./complete-events.ts";
import { A_STEP, routeRequestOf, StepFields, type StepForm } from "./step-form.tsx";

const TYPING_MS = 250;

export function Playground() {
  const [form, setForm] = useState<StepForm>(A_STEP);
  const settled = useSettled(form, TYPING_MS);
  const decided = useQuery(
    RouterService.method.route,
    { ...routeRequestOf(settled), withoutDecisionToken: true },
    { placeholderData: keepPreviousData, retry: false },
  );
  const providers = useQuery(ProviderService.method.listProviders, {});
  const models = (providers.data?.providers ?? []).flatMap(({ id, models: own }) =>
    own.map(({ model }) => `${id}/${model}`),
  );
  const { answer, ask, stop } = useAnswer();
  const send = (event: FormEvent) => {
    event.preventDefault();
    void ask(form);
  };
  const decision = decided.data?.decision;
  return (
    <>
      <h1>
        {decision === undefined
          ? "What would it do with this?"
          : `It would ask ${decision.provider}/${decision.model}: ${tierName(decision.tier)}, score ${decision.effectiveScore.toFixed(2)}.`}
      </h1>
      <div className="grid wide">
        <form className="stack card" onSubmit={send}>
          <h2>The step</h2>
          <StepFields form={form} set={(change) => setForm({ ...form, ...change })} models={models} />
          <p className="muted">
            Complete asks a provider and is billed like any call. The text goes to that provider and is not
            kept.
          </p>
          <div className="row stays">
            <button type="submit" className="main" disabled={answer.running}>
              Complete
            </button>
            {answer.running && (
              <button type="button" onClick={stop}>
                Stop
              </button>
            )}
          </div>
        </form>
        <section className="stack card" aria-live="polite">
          <h2>The decision</h2>
          <Asked of={{ data: decision, error: decided.error }}>
            {(made) => <DecisionView decision={made} />}
          </Asked>
        </section>
      </div>
      <section className="stack card">
        <h2>The answer</h2>
        <AnswerView answer={answer} />
      </section>
    </>
  );
}

function AnswerView({ answer: { events, error, running } }: { answer: Answer }) {
  if (events.length === 0 && error === null && !running) {
    return <Empty>Press Complete to send the step and see the events arrive.</Empty>;
  }
  const completed = events.find(({ event }) => event.case === "completed")?.event.value as
    | Completed
    | undefined;
  return (
    <div className="grid wide">
      <div className="stack">
        <pre aria-live="polite">{textOf(events) || (running ? "…" : "")}</pre>
        {error !== null && <Problem error={error} />}
        {completed !== undefined && (
          <p>
            {completed.provider}/{completed.model} answered in {spanOf(completed.timings?.total)} for{" "}
            <span title={exactUsd(completed.costNanoUsd)}>{usd(completed.costNanoUsd)}</span> (
            {finishName(completed.finishReason)}).{" "}
            <Link to={`/executions/${completed.executionId}`}>Open the execution</Link>
          </p>
        )}
      </div>
      <ol className="events num" aria-label="Events">
        {foldDeltas(events).map(({ atMs, text }) => (
          <li key={`${atMs} ${text}`}>
            <span className="muted">{span(atMs)}</span> {text}
          </li>
        ))}
      </ol>
    </div>
  );
}

/** What counts of the answer: what came before a reset is void. */
function textOf(events: readonly Heard[]): string {
  let text = "";
  for (const { event } of events) {
    if (event.case === "reset") text = "";
    if (event.case === "textDelta") text += event.value.text;
  }
  return text;
}

type Line = { atMs: number; text: string };

/** One line an event; the pieces of a text in a row are one. */
function foldDeltas(events: readonly Heard[]): readonly Line[] {
  const lines: Line[] = [];
  let pieces = 0;
  for (const { atMs, event } of events) {
    pieces = event.case === "textDelta" ? pieces + 1 : 0;
    if (pieces > 1) lines.pop();
    const text = pieces > 0 ? `text, ${count(pieces)} ${pieces === 1 ? "piece" : "pieces"}` : sayEvent(event);
    if (text !== undefined) lines.push({ atMs, text });
  }
  return lines;
}

function sayEvent(event: Heard["event"]): string | undefined {
  switch (event.case) {
    case "decision":
      return `decided: ${tierName(event.value.tier)}, ${event.value.provider}/${event.value.model}`;
    case "attemptStarted":
      return `attempt ${event.value.attempt} asks ${event.value.target?.provider}/${event.value.target?.model}`;
    case "attemptFailed":
      return `attempt ${event.value.attempt} failed: ${outcomeName(event.value.failure)}${event.value.willContinue ? ", another follows" : ""}`;
    case "reasoningDelta":
      return "reasoning";
    case "toolCallDelta":
      return `tool call ${event.value.name}`;
    case "reset":
      return "forget what came: the answer starts over";
    case "completed":
      return "completed";
    default:
      return undefined;
  }
}
