/** What the service says is wrong, by field, so that it can stand there. */
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../../../gen/google/rpc/error_details_pb.js";

export type Violations = ReadonlyMap<string, string>;

const EXPERIMENT = "experiment.";

/** By the way to the field in the experiment: "arms[1].name". Empty when the error is another. */
export function listViolations(error: unknown): Violations {
  if (error === null) return new Map();
  const found = ConnectError.from(error)
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations);
  return new Map(
    found.map(({ field, description }) => [
      field.startsWith(EXPERIMENT) ? field.slice(EXPERIMENT.length) : field,
      description,
    ]),
  );
}

/** Those of what stands at this place, by the way from there on. */
export const violationsUnder = (violations: Violations, place: string): Violations =>
  new Map(
    [...violations].flatMap(([field, text]) =>
      field.startsWith(`${place}.`) ? [[field.slice(place.length + 1), text] as const] : [],
    ),
  );
