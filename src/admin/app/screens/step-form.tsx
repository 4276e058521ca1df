/** A step as the playground's form has it, and as the contract says it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Intent, type RouteRequestSchema, type Tier } from "../../../../gen/modeltier/v1/routing_pb.js";
import { intentName, listIntents, TIERS, tierName } from "../text/names.ts";

export type StepForm = Readonly<{
  agentId: string;
  intent: Intent;
  prompt: string;
  agentScore: string;
  budget: string;
  failures: string;
  minimumTier: number;
  model: string;
}>;

export const A_STEP: StepForm = {
  agentId: "playground",
  intent: Intent.SUMMARIZE,
  prompt: "Summarize the {{ report }} in three sentences for a customer.",
  agentScore: "4",
  budget: "",
  failures: "0",
  minimumTier: 0,
  model: "",
};

/** An empty field is "not said". */
export function routeRequestOf(form: StepForm): MessageInitShape<typeof RouteRequestSchema> {
  return {
    agentId: form.agentId,
    intent: form.intent,
    step: { type: form.intent, prompt: form.prompt },
    previousFailures: Math.max(0, Math.trunc(Number(form.failures) || 0)),
    ...(form.agentScore !== "" && { agentAis: { combinedScore: Number(form.agentScore) } }),
    ...(/^\d+$/.test(form.budget) && { budgetRemaining: BigInt(form.budget) }),
    ...((form.minimumTier !== 0 || form.model !== "") && {
      constraints: { minimumTier: form.minimumTier as Tier, model: form.model },
    }),
  };
}

export function StepFields({
  form,
  set,
  models,
}: {
  form: StepForm;
  set: (change: Partial<StepForm>) => void;
  models: readonly string[];
}) {
  return (
    <>
      <label>
        <span>Prompt</span>
        <textarea
          rows={5}
          data-search=""
          value={form.prompt}
          onChange={(event) => set({ prompt: event.target.value })}
        />
      </label>
      <div className="grid fields">
        <label>
          <span>Intent</span>
          <select value={form.intent} onChange={(event) => set({ intent: Number(event.target.value) })}>
            {listIntents().map((intent) => (
              <option key={intent} value={intent}>
                {intentName(intent)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Agent</span>
          <input required value={form.agentId} onChange={(event) => set({ agentId: event.target.value })} />
        </label>
        <label>
          <span>Agent's score, 0 to 10</span>
          <input
            type="number"
            min="0"
            max="10"
            step="0.1"
            value={form.agentScore}
            onChange={(event) => set({ agentScore: event.target.value })}
          />
        </label>
        <label>
          <span>Tokens left</span>
          <input
            inputMode="numeric"
            placeholder="no budget"
            value={form.budget}
            onChange={(event) => set({ budget: event.target.value })}
          />
        </label>
        <label>
          <span>Failures so far</span>
          <input
            type="number"
            min="0"
            value={form.failures}
            onChange={(event) => set({ failures: event.target.value })}
          />
        </label>
        <label>
          <span>At least</span>
          <select
            value={form.minimumTier}
            onChange={(event) => set({ minimumTier: Number(event.target.value) })}
          >
            <option value={0}>any tier</option>
            {TIERS.map((tier) => (
              <option key={tier} value={tier}>
                {tierName(tier)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Exactly this model</span>
          <select value={form.model} onChange={(event) => set({ model: event.target.value })}>
            <option value="">the tier's</option>
            {models.map((model) => (
              <option key={model}>{model}</option>
            ))}
          </select>
        </label>
      </div>
    </>
  );
}
