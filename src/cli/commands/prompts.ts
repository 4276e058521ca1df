import { toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { type Message, type Part, Role } from "../../../gen/modeltier/v1/completion_pb.js";
import {
  DeletePromptsResponseSchema,
  GetPromptResponseSchema,
  type StoredPrompt,
} from "../../../gen/modeltier/v1/prompt_pb.js";
import { PromptService } from "../../../gen/modeltier/v1/prompt_service_pb.js";
import { type Command, EXIT, UsageError } from "../cli.ts";

export const showPromptCommand: Command = {
  usage: "prompts show <execution id>",
  summary: "Shows what was asked and answered in an execution, where that is stored. Noted in the audit log.",
  options: {},
  async run({ operands, transport, terminal, json }) {
    const [executionId] = operands;
    if (executionId === undefined || operands.length > 1)
      throw new UsageError("give the id of one execution");
    const response = await createClient(PromptService, transport).getPrompt({ executionId });
    if (json) terminal.print(JSON.stringify(toJson(GetPromptResponseSchema, response)));
    else if (response.prompt !== undefined) terminal.print(storyOf(response.prompt));
    return EXIT.done;
  },
};

export const deletePromptsCommand: Command = {
  usage: "prompts delete --execution <id> | --agent <id> | --key <id>",
  summary:
    "Deletes stored texts of prompts and answers, and says of how many executions. Noted in the audit log.",
  options: {
    execution: "those of one execution",
    agent: "all of an agent's",
    key: "all that were asked with a key: its id, without the secret",
    author: "who deletes, for the audit log",
  },
  async run({ operands, options, transport, terminal, json }) {
    if (operands.length > 0) throw new UsageError(`${operands[0]} is one word too many`);
    const response = await createClient(PromptService, transport).deletePrompts({
      which: whichOf(options),
      author: options.author ?? "",
    });
    if (json) terminal.print(JSON.stringify(toJson(DeletePromptsResponseSchema, response)));
    else terminal.print(`deleted: ${response.deleted}`);
    return EXIT.done;
  },
};

function whichOf({ execution, agent, key }: Readonly<Record<string, string | undefined>>) {
  const given = [
    ...(execution === undefined ? [] : [{ case: "executionId" as const, value: execution }]),
    ...(agent === undefined ? [] : [{ case: "agentId" as const, value: agent }]),
    ...(key === undefined ? [] : [{ case: "keyId" as const, value: key }]),
  ];
  const [which] = given;
  if (which === undefined || given.length > 1) {
    throw new UsageError("say which: one of --execution, --agent and --key");
  }
  return which;
}

/** One line for each part, with who said it. */
function storyOf({ messages, answer, expiresAt }: StoredPrompt): string {
  const until = expiresAt === undefined ? "" : timestampDate(expiresAt).toISOString();
  return [
    ...messages.flatMap(linesOf),
    ...(answer === undefined ? ["no answer"] : []),
    ...(answer?.reasoning ? [`answer, reasoning: ${answer.reasoning}`] : []),
    ...(answer?.text ? [`answer: ${answer.text}`] : []),
    ...(answer?.refusal ? [`answer, refusal: ${answer.refusal}`] : []),
    ...(answer?.toolCalls ?? []).map(({ name, argumentsJson }) => `answer, calls ${name}: ${argumentsJson}`),
    ...(answer?.whole === false ? ["the answer broke off"] : []),
    `kept until ${until}`,
  ].join("\n");
}

const linesOf = ({ role, parts }: Message): readonly string[] =>
  parts.map((part) => `${Role[role].toLowerCase()}: ${wordsOf(part)}`);

function wordsOf({ content }: Part): string {
  switch (content.case) {
    case "text":
      return content.value;
    case "reasoning":
      return `(reasoning) ${content.value.text}`;
    case "image":
      return content.value.source.case === "url"
        ? content.value.source.value
        : `(${content.value.mediaType})`;
    case "toolCall":
      return `calls ${content.value.name}: ${content.value.argumentsJson}`;
    case "toolResult":
      return `result of ${content.value.toolCallId}: ${content.value.text}`;
    default:
      return "";
  }
}
