/** The reasoning of an earlier answer, as a client sends it back. */
import type { ReasoningBlock } from "../../providers/provider.ts";
import { LONGEST } from "../../rpc/validate/bounds.ts";
import { requireLength } from "../../rpc/validate/violations.ts";
import { SEALED_FORMAT } from "../answer/reasoning-details.ts";
import type { JsonValue } from "./json-value.ts";

/** `reasoning_details` say more than `reasoning_content`, of which a client may have kept only the last piece. */
export function readReasoning(message: JsonValue): readonly ReasoningBlock[] {
  const text = message.at("reasoning_content").text() ?? "";
  const details = message.at("reasoning_details").items().flatMap(readDetail);
  if (details.length > 0) return details;
  return text === "" ? [] : [{ text }];
}

/** Other kinds of detail, summaries for instance, are for people; another service's seals are of no use here. */
function readDetail(detail: JsonValue): readonly ReasoningBlock[] {
  const format = detail.at("format").text() ?? SEALED_FORMAT;
  const sealOf = (name: string): string => {
    const seal = detail.at(name);
    const text = seal.text() ?? "";
    requireLength(seal.found, text, LONGEST.reasoningSeal, seal.path);
    return format === SEALED_FORMAT ? text : "";
  };
  switch (detail.at("type").value) {
    case "reasoning.text": {
      const text = detail.at("text").text() ?? "";
      const signature = sealOf("signature");
      if (text === "" && signature === "") return [];
      return [{ text, ...(signature !== "" && { signature }) }];
    }
    case "reasoning.encrypted": {
      const encrypted = sealOf("data");
      return encrypted === "" ? [] : [{ text: "", encrypted }];
    }
    default:
      return [];
  }
}
