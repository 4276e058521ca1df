/** One call as a caller makes it over gRPC, and all that the caller hears. */
import { type Client, type Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import {
  type Completed,
  type CompleteResponse,
  Delivery,
  Role,
} from "../../../gen/modeltier/v1/completion_pb.js";
import type { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import type { RoutingDecision, Tier } from "../../../gen/modeltier/v1/routing_pb.js";

export type Ask = Readonly<{
  /** "provider/model", tried before the tier's own; absent: as it is routed. */
  model?: string;
  tier?: Tier;
  prompt?: string;
  assured?: boolean;
  acceptRestart?: boolean;
  maxOutputTokens?: number;
  timeoutMs?: number;
  /** Asked after each event; the caller leaves once it says so. */
  leavesWhen?: (heard: Heard) => boolean;
}>;

export type HeardError = Readonly<{
  code: Code;
  /** Of the ErrorInfo; "" when there is none. */
  reason: string;
  message: string;
  /** Of the ErrorInfo: `partial`, `delivered_tokens`, `attempts`, `attempt_1` … */
  facts: Readonly<Record<string, string>>;
  retryAfterMs?: number;
  /** `grpc-retry-pushback-ms`; absent: not sent. */
  pushback?: string;
  /** Everything of it that can be read, to look for what must not be there. */
  whole: string;
}>;

export type HeardFailure = Readonly<{
  attempt: number;
  target: string;
  failure: string;
  willContinue: boolean;
}>;

/** What one caller heard. */
export class Heard {
  readonly events: CompleteResponse["event"][] = [];
  decision: RoutingDecision | undefined;
  /** Text since the last reset. */
  text = "";
  /** Pieces of text since the beginning. */
  deltas = 0;
  resets = 0;
  /** The attempts that were announced, "provider/model". */
  readonly asked: string[] = [];
  readonly failures: HeardFailure[] = [];
  completed: Completed | undefined;
  error: HeardError | undefined;
  elapsedMs = 0;

  get failureClasses(): readonly string[] {
    return this.failures.map(({ failure }) => failure);
  }

  /** The provider and model that served the answer; undefined when none did. */
  get served(): string | undefined {
    return this.completed && `${this.completed.provider}/${this.completed.model}`;
  }

  add({ event }: CompleteResponse): void {
    this.events.push(event);
    switch (event.case) {
      case "decision":
        this.decision = event.value;
        break;
      case "attemptStarted":
        this.asked.push(`${event.value.target?.provider}/${event.value.target?.model}`);
        break;
      case "textDelta":
        this.text += event.value.text;
        this.deltas += 1;
        break;
      case "attemptFailed": {
        const { attempt, target, failure, willContinue } = event.value;
        this.failures.push({
          attempt,
          target: `${target?.provider}/${target?.model}`,
          failure,
          willContinue,
        });
        break;
      }
      case "reset":
        this.text = "";
        this.resets += 1;
        break;
      case "completed":
        this.completed = event.value;
    }
  }
}

export async function call(
  router: Client<typeof RouterService>,
  agentId: string,
  canary: string,
  ask: Ask,
): Promise<Heard> {
  const heard = new Heard();
  const leaving = new AbortController();
  const startedMs = performance.now();
  try {
    const options = { signal: leaving.signal, ...(ask.timeoutMs && { timeoutMs: ask.timeoutMs }) };
    for await (const event of router.complete(requestOf(agentId, canary, ask), options)) {
      heard.add(event);
      if (ask.leavesWhen?.(heard) === true) leaving.abort();
    }
  } catch (error) {
    heard.error = errorOf(ConnectError.from(error));
  }
  heard.elapsedMs = performance.now() - startedMs;
  return heard;
}

/** Reasoning is switched off, so that the first token is text whatever the model. */
const requestOf = (agentId: string, canary: string, ask: Ask) => ({
  routing: {
    case: "route" as const,
    value: { agentId, constraints: { model: ask.model ?? "", ...(ask.tier && { tier: ask.tier }) } },
  },
  messages: [
    {
      role: Role.USER,
      parts: [
        { content: { case: "text" as const, value: `${ask.prompt ?? "Say hello"} [reasoning=0] ${canary}` } },
      ],
    },
  ],
  delivery: ask.assured === true ? Delivery.ASSURED : Delivery.LIVE,
  acceptRestart: ask.acceptRestart ?? false,
  ...(ask.maxOutputTokens && { sampling: { maxOutputTokens: ask.maxOutputTokens } }),
});

function errorOf(error: ConnectError): HeardError {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const delay = retry?.retryDelay;
  const pushback = error.metadata.get("grpc-retry-pushback-ms");
  return {
    code: error.code,
    reason: info?.reason ?? "",
    message: error.rawMessage,
    facts: info?.metadata ?? {},
    ...(delay && { retryAfterMs: Number(delay.seconds) * 1_000 + delay.nanos / 1e6 }),
    ...(pushback !== null && { pushback }),
    whole: JSON.stringify([error.rawMessage, info?.reason, info?.metadata, [...error.metadata]]),
  };
}
