import { fromJsonString } from "@bufbuild/protobuf";
import { StepSchema } from "../../../gen/modeltier/v1/routing_pb.js";
import type { Step } from "../../routing/types.ts";
import { checkStep } from "../validate/route.ts";
import type { FieldPath, Violations } from "../validate/violations.ts";
import { stepFromProto } from "./route.ts";

/** A Step in the contract's JSON form, for callers who have no fields for one; undefined when something is wrong with it. */
export function stepFromJson(text: string, at: FieldPath, found: Violations): Step | undefined {
  try {
    const step = fromJsonString(StepSchema, text, { ignoreUnknownFields: true });
    checkStep(found, step, at);
    return stepFromProto(step);
  } catch {
    found.add(at, "is not the JSON of a modeltier.v1.Step");
    return undefined;
  }
}
