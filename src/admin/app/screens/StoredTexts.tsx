import { useMutation, useQuery } from "@connectrpc/connect-query";
import { Fragment, useState } from "react";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import { AccessRole } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { type Message, type Part, Role } from "../../../../gen/modeltier/v1/completion_pb.js";
import type { StoredAnswer, StoredPrompt } from "../../../../gen/modeltier/v1/prompt_pb.js";
import { PromptService } from "../../../../gen/modeltier/v1/prompt_service_pb.js";
import { Empty, Problem } from "../parts/states.tsx";
import { moment } from "../text/format.ts";

/** The texts of prompt and answer: asked for by hand, because each reading is noted. */
export function StoredTexts({ executionId, stored }: { executionId: string; stored: boolean }) {
  const identity = useQuery(AccessService.method.getIdentity, {});
  const reading = useMutation(PromptService.method.getPrompt);
  const deletion = useMutation(PromptService.method.deletePrompts);
  const [isSure, setSure] = useState(false);
  if (!stored) return <p className="muted">The texts of prompt and answer are not stored.</p>;
  const prompt = reading.data?.prompt;
  const isAdmin = identity.data?.role === AccessRole.ADMIN;
  const remove = () =>
    deletion.mutate({ which: { case: "executionId", value: executionId }, author: "admin page" });
  return (
    <section className="stack">
      <h2>Prompt and answer</h2>
      {deletion.isSuccess ? (
        <Empty>The texts are deleted.</Empty>
      ) : (
        <>
          <p>
            The texts are stored, encrypted. {isAdmin ? "" : "An admin can read them all, others their own. "}
            Reading and deleting them is noted in the audit log.
          </p>
          <div className="row">
            <button
              type="button"
              disabled={reading.isPending}
              onClick={() => reading.mutate({ executionId })}
            >
              Show the texts
            </button>
            {isSure ? (
              <>
                <button type="button" className="main" disabled={deletion.isPending} onClick={remove}>
                  Delete them for good
                </button>
                <button type="button" onClick={() => setSure(false)}>
                  Keep them
                </button>
              </>
            ) : (
              <button type="button" onClick={() => setSure(true)}>
                Delete the texts
              </button>
            )}
          </div>
          {reading.error !== null && <Problem error={reading.error} />}
          {deletion.error !== null && <Problem error={deletion.error} />}
          {prompt !== undefined && <Texts of={prompt} />}
        </>
      )}
    </section>
  );
}

function Texts({ of: { messages, answer, expiresAt } }: { of: StoredPrompt }) {
  const said = [...messages.flatMap(linesOf), ...(answer === undefined ? [] : answerLines(answer))];
  return (
    <>
      <dl className="facts">
        {said.map(({ who, text }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: what was said has no other name than its place
          <Fragment key={index}>
            <dt>{who}</dt>
            <dd style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{text}</dd>
          </Fragment>
        ))}
      </dl>
      <p className="muted">
        {answer === undefined ? "There was no answer. " : answer.whole ? "" : "The answer broke off. "}
        What looks like a key is masked, and pictures are left out.
        {expiresAt === undefined ? "" : ` Kept until ${moment(expiresAt)}.`}
      </p>
    </>
  );
}

type Line = Readonly<{ who: string; text: string }>;

const NAMES: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: "Unknown",
  [Role.SYSTEM]: "System",
  [Role.USER]: "User",
  [Role.ASSISTANT]: "Assistant",
  [Role.TOOL]: "Tool",
};

const linesOf = ({ role, parts }: Message): readonly Line[] =>
  parts.map((part) => ({ who: NAMES[role], text: textOf(part) }));

function textOf({ content }: Part): string {
  switch (content.case) {
    case "text":
      return content.value;
    case "reasoning":
      return `Reasoning: ${content.value.text}`;
    case "image":
      return content.value.source.case === "url"
        ? content.value.source.value
        : `A picture, ${content.value.mediaType}`;
    case "toolCall":
      return `Calls ${content.value.name}: ${content.value.argumentsJson}`;
    case "toolResult":
      return `Result of ${content.value.toolCallId}: ${content.value.text}`;
    default:
      return "";
  }
}

function answerLines({ text, reasoning, refusal, toolCalls }: StoredAnswer): readonly Line[] {
  const calls = toolCalls.map(({ name, argumentsJson }) => `Calls ${name}: ${argumentsJson}`);
  return [
    ...(reasoning === "" ? [] : [{ who: "Answer, reasoning", text: reasoning }]),
    ...[text, refusal, ...calls].filter((line) => line !== "").map((line) => ({ who: "Answer", text: line })),
  ];
}
