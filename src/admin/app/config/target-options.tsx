import { type Entry, sayPrice, sayWindow } from "./catalogue.ts";

/** The models one may choose, each with its price, its window, its retirement and whether there is a key. */
export const TargetOptions = ({ entries }: { entries: readonly Entry[] }) =>
  entries.map(({ provider, model, sandbox }) => (
    <option key={`${provider.id}/${model.model}`} value={`${provider.id}/${model.model}`}>
      {provider.id}/{model.model} · {sayPrice(model)} · {sayWindow(model)}
      {model.retiredOn === "" ? "" : ` · ${model.retired ? "retired" : "retires"} ${model.retiredOn}`}
      {provider.keyPresent || sandbox ? "" : " · no key"}
    </option>
  ));
