/** The events of one answer as they come, with when each came. */
import { useEffect, useRef, useState } from "react";
import { type CompleteResponse, Role } from "../../../../gen/modeltier/v1/completion_pb.js";
import { router } from "../api/client.ts";
import { routeRequestOf, type StepForm } from "./step-form.tsx";

export type Heard = Readonly<{ atMs: number; event: CompleteResponse["event"] }>;
export type Answer = Readonly<{ running: boolean; events: readonly Heard[]; error: unknown }>;

const NONE: Answer = { running: false, events: [], error: null };

export function useAnswer() {
  const [answer, setAnswer] = useState(NONE);
  const asking = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => asking.current?.abort(), []);

  const ask = async (form: StepForm) => {
    asking.current?.abort();
    const mine = new AbortController();
    asking.current = mine;
    const startedAt = performance.now();
    setAnswer({ ...NONE, running: true });
    const update = (change: (before: Answer) => Answer) => {
      if (asking.current === mine) setAnswer(change);
    };
    try {
      const request = {
        routing: { case: "route" as const, value: routeRequestOf(form) },
        messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: form.prompt } }] }],
        labels: { from: "playground" },
        withoutPromptStorage: true, // the page promises it
      };
      for await (const { event } of router.complete(request, { signal: mine.signal })) {
        const heard = { atMs: performance.now() - startedAt, event };
        update((before) => ({ ...before, events: [...before.events, heard] }));
      }
      update((before) => ({ ...before, running: false }));
    } catch (error) {
      update((before) => ({ ...before, running: false, error: mine.signal.aborted ? null : error }));
    }
  };
  const stop = () => asking.current?.abort();
  return { answer, ask, stop };
}
