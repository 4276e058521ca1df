import { expect, it } from "vitest";
import { PROVIDER_FAILURES } from "../../../providers/provider-error.ts";
import { findRemedy } from "./remedies.ts";

it("knows what helps against every failure but the one that is no fault", () => {
  const unknown = PROVIDER_FAILURES.filter((failure) => findRemedy(failure, "KIMI_API_KEY") === undefined);
  expect(unknown).toEqual(["output_limit"]);
});

it("names the variable of a key that is refused", () => {
  expect(findRemedy("unauthenticated", "KIMI_API_KEY")).toContain("Set KIMI_API_KEY");
});
