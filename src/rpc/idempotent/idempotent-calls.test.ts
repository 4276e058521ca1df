import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  CompleteOnceResponseSchema,
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
} from "../../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { CompletionError } from "../../completion/completion-error.ts";
import type { Idempotency, KeyedCall } from "../../idempotency/idempotency.ts";
import { setIdentity } from "../caller.ts";
import { IdempotentCalls } from "./idempotent-calls.ts";

const REQUEST = create(CompleteRequestSchema, { idempotencyKey: "key-1" });

const contextWith = (timeoutMs?: number): HandlerContext => {
  const context = createHandlerContext({
    service: RouterService,
    method: RouterService.method.complete,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/",
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  setIdentity(context, { role: "caller", keyId: "", name: "", isOpen: true });
  return context;
};

const CONTENT_FILTERED = new CompletionError({
  code: "FAILED_PRECONDITION",
  reason: "CONTENT_FILTERED",
  message: "No.",
  executionId: "execution-1",
});

type EventInit = NonNullable<MessageInitShape<typeof CompleteResponseSchema>["event"]>;
const EVENTS: readonly EventInit[] = [
  { case: "decision", value: { decisionId: "d" } },
  { case: "textDelta", value: { text: "hello" } },
  { case: "completed", value: { executionId: "execution-1" } },
];

/** Calls whose claim is always granted, and what became of it, in order, beside what the caller read. */
function granted() {
  const story: string[] = [];
  const calls: KeyedCall[] = [];
  const idempotency: Idempotency = {
    async begin(call) {
      calls.push(call);
      let isOver = false;
      const end = async (what: string) => {
        if (!isOver) story.push(what);
        isOver = true;
      };
      return {
        kind: "run",
        claim: { settle: ({ state }) => end(`kept: ${state}`), release: () => end("released") },
      };
    },
    close: async () => {},
  };
  return { story, calls, idempotent: new IdempotentCalls(idempotency) };
}

async function* streamOf(failure?: Error): AsyncGenerator<CompleteResponse> {
  for (const event of EVENTS) {
    if (failure !== undefined && event.case === "completed") throw failure;
    yield create(CompleteResponseSchema, { event });
  }
}

async function read(events: AsyncIterable<CompleteResponse>, story: string[], until?: string): Promise<void> {
  for await (const { event } of events) {
    story.push(String(event.case));
    if (event.case === until) return;
  }
}

describe("a call with an idempotency key", () => {
  it("has its answer kept before its caller is told that it is whole", async () => {
    const { story, idempotent } = granted();
    await read(
      idempotent.stream(REQUEST, contextWith(), () => streamOf()),
      story,
    );
    expect(story).toEqual(["decision", "textDelta", "kept: answered", "completed"]);
  });

  it("frees its key when the caller stops reading, when it fails, and when it cannot even begin", async () => {
    const left = granted();
    await read(
      left.idempotent.stream(REQUEST, contextWith(), () => streamOf()),
      left.story,
      "textDelta",
    );
    expect(left.story).toEqual(["decision", "textDelta", "released"]);

    const failed = granted();
    const failing = failed.idempotent.stream(REQUEST, contextWith(), () => streamOf(new Error("unforeseen")));
    await expect(read(failing, failed.story)).rejects.toThrow("unforeseen");
    expect(failed.story).toEqual(["decision", "textDelta", "released"]);

    const refused = granted();
    const run = () => {
      throw new Error("the token is none");
    };
    await expect(
      read(refused.idempotent.stream(REQUEST, contextWith(), run), refused.story),
    ).rejects.toThrow();
    await expect(refused.idempotent.once(REQUEST, contextWith(), run)).rejects.toThrow("the token is none");
    expect(refused.story).toEqual(["released", "released"]);
  });

  it("has a failure kept that would come again, streamed or whole", async () => {
    const { story, idempotent } = granted();
    const streamed = idempotent.stream(REQUEST, contextWith(), () => streamOf(CONTENT_FILTERED));
    await expect(read(streamed, story)).rejects.toThrow("No.");
    const whole = idempotent.once(REQUEST, contextWith(), () => Promise.reject(CONTENT_FILTERED));
    await expect(whole).rejects.toThrow("No.");
    expect(story).toEqual(["decision", "textDelta", "kept: failed", "kept: failed"]);
  });

  it("holds its key as long as it can last, and not much longer", async () => {
    const { calls, idempotent } = granted();
    const answer = () => Promise.resolve(create(CompleteOnceResponseSchema));
    await idempotent.once(REQUEST, contextWith(10_000), answer);
    await idempotent.once(REQUEST, contextWith(), answer);
    expect(calls[0]?.leaseMs).toSatisfy((ms: number) => ms > 39_000 && ms <= 40_000);
    expect(calls[1]?.leaseMs).toBe(930_000);
  });
});
