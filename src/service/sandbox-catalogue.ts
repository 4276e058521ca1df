import type { Catalogue } from "../pricing/types.ts";
import { splitModelName } from "../sandbox/faults/grammar.ts";

/**
 * The catalogue as the sandbox reads model names: "gpt-4o-mini!cut=5" is the model "gpt-4o-mini", at its price, that will meet a
 * fault. Real providers have no such names, so only a service that runs against its sandbox knows them.
 */
export const withFaultNames = (catalogue: Catalogue): Catalogue => ({
  ...catalogue,
  findModel: (provider, asked) => catalogue.findModel(provider, splitModelName(asked).model),
});
