import type { Model } from "../../../../gen/modeltier/v1/provider_pb.js";

/** That a model is or will be retired, and what to use instead; nothing where neither is so. */
export function Retirement({ of: model }: { of: Model | undefined }) {
  if (model === undefined || model.retiredOn === "") return null;
  const next =
    model.successor === undefined ? "" : `; use ${model.successor.provider}/${model.successor.model}`;
  return (
    <span className={model.retired ? "broken-text" : "attention"}>
      {model.retired ? "✕ retired" : "! retires"} {model.retiredOn}
      {next}
    </span>
  );
}
