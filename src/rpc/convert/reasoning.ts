import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Reasoning, ReasoningSchema } from "../../../gen/modeltier/v1/completion_pb.js";
import type { ReasoningBlock } from "../../providers/provider.ts";

export function reasoningFromProto({ text, signature, encrypted }: Reasoning): ReasoningBlock {
  if (encrypted !== "") return { text: "", encrypted };
  return { text, ...(signature !== "" && { signature }) };
}

export const reasoningToProto = (block: ReasoningBlock): MessageInitShape<typeof ReasoningSchema> => ({
  text: block.text,
  signature: block.signature,
  encrypted: block.encrypted,
});
