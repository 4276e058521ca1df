/** Requests of PromptService. */
import type { DeletePromptsRequest } from "../../../gen/modeltier/v1/prompt_pb.js";
import { parseKey } from "../../access/key-text.ts";
import type { PromptScope } from "../../store/stored-prompts.ts";
import { requireText } from "./analytics.ts";
import { checkAuthor } from "./author.ts";
import { LONGEST } from "./bounds.ts";
import { readExecutionId } from "./executions.ts";
import { Violations } from "./violations.ts";

/** Of a key, or of a client certificate that stands for one. */
const LONGEST_KEY_ID = 512;

/** @throws InvalidRequestError naming every wrong field */
export function readPromptScope({ which, author }: DeletePromptsRequest): PromptScope {
  const found = new Violations();
  checkAuthor(found, author);
  const scope = readWhich(found, which);
  found.throwIfAny();
  if (scope === undefined) throw new Error("nothing says which");
  return scope;
}

function readWhich(found: Violations, which: DeletePromptsRequest["which"]): PromptScope | undefined {
  switch (which.case) {
    case "executionId":
      readExecutionId(found, which.value);
      return { kind: "execution", id: which.value };
    case "agentId":
      found.require(which.value !== "", ["agent_id"], "is empty: name the agent");
      requireText(found, which.value, LONGEST.agentId, ["agent_id"]);
      return { kind: "agent", id: which.value };
    case "keyId":
      found.require(which.value !== "", ["key_id"], "is empty: name the key that asked");
      found.require(
        parseKey(which.value) === undefined,
        ["key_id"],
        "is a key with its secret: give the 16 characters that follow mt_ alone",
      );
      requireText(found, which.value, LONGEST_KEY_ID, ["key_id"]);
      return { kind: "key", id: which.value };
    default:
      found.add(["execution_id"], "is missing: say execution_id, agent_id or key_id");
      return undefined;
  }
}
