/**
 * Calls as OpenTelemetry's spans. Parents are handed on explicitly: two attempts of one call may run at once, and no context
 * that follows the event loop has to be kept up for them.
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { AttemptObserver, CallObserver } from "../../completion/call.ts";
import type { Decided } from "../../completion/decide.ts";
import type { ProviderAddress } from "../../providers/hub.ts";
import type { ModelTarget, PlannedTarget } from "../../routing/types.ts";
import type { CallTracer, HeaderReader, HttpTrace, RpcSystem, RpcTrace } from "../../rpc/call-tracer.ts";
import type { ExecutionRecord } from "../../store/records.ts";
import {
  attemptAttributes,
  decisionAttributes,
  executionAttributes,
  isFailure,
  outcomeAttributes,
} from "./attributes.ts";
import { OTEL } from "./names.ts";

export type SpanDeps = Readonly<{
  tracer: Tracer;
  /** Takes what callers send only where it is well formed, and writes it anew. */
  propagator: TextMapPropagator;
  addressOf(target: ModelTarget): ProviderAddress | undefined;
}>;

export function callTracer(deps: SpanDeps): CallTracer {
  const start = (name: string, attributes: Attributes, header: HeaderReader): CallSpan => {
    const parent = deps.propagator.extract(ROOT_CONTEXT, header, REQUEST);
    return new CallSpan(deps.tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent), deps);
  };
  return {
    startRpc: (system, method, header) =>
      rpcTrace(system, start(method, { [OTEL.rpcSystem]: system, [OTEL.rpcMethod]: method }, header)),
    startHttp(method, route, header) {
      const attributes = {
        [OTEL.httpMethod]: method,
        [OTEL.httpRoute]: route,
        [OTEL.urlPath]: route,
        [OTEL.urlScheme]: "http",
      };
      return httpTrace(start(`${method} ${route}`, attributes, header));
    },
  };
}

const REQUEST = {
  get: (header: HeaderReader, name: string) => header(name) ?? undefined,
  keys: () => [],
};
/** An empty value would be a header without meaning. */
const HEADERS = {
  set: (headers: string[], name: string, value: string) => {
    if (value !== "") headers.push(name, value);
  },
};

/** What is the service's fault; the other codes are answers to the caller's. As the conventions have it for servers. */
const OUR_FAULTS: readonly string[] = [
  "unknown",
  "deadline_exceeded",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
];

function rpcTrace(system: RpcSystem, call: CallSpan): RpcTrace {
  return {
    ...call.port,
    end: (errorCode) =>
      call.end({
        attributes: { [OTEL.rpcStatusCode]: statusName(system, errorCode) },
        error: OUR_FAULTS.includes(errorCode ?? "") ? statusName(system, errorCode) : undefined,
      }),
  };
}

/** gRPC names its codes in capitals and writes one of them differently; Connect has no code for what went well. */
function statusName(system: RpcSystem, errorCode: string | undefined): string | undefined {
  if (system === "connectrpc") return errorCode;
  if (errorCode === undefined) return "OK";
  return errorCode === "canceled" ? "CANCELLED" : errorCode.toUpperCase();
}

function httpTrace(call: CallSpan): HttpTrace {
  return {
    ...call.port,
    end: (status) =>
      call.end({
        attributes: { [OTEL.httpStatusCode]: status },
        error: status !== undefined && status >= 500 ? String(status) : call.failedBehind(status),
      }),
  };
}

type End = Readonly<{ attributes: Attributes; error: string | undefined }>;

/** A SERVER span, and below it a CLIENT span for each attempt. */
class CallSpan {
  readonly port: Readonly<{ observer: CallObserver; onDecision(decided: Decided): void }>;
  readonly #span: Span;
  readonly #context: Context;
  readonly #deps: SpanDeps;
  #hasEnded = false;
  #failureReason: string | undefined;

  constructor(span: Span, deps: SpanDeps) {
    this.#span = span;
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
    this.#deps = deps;
    this.port = {
      observer: {
        onAttempt: (attempt, target) => this.#startAttempt(attempt, target),
        onExecution: (record) => this.#note(record),
      },
      onDecision: (decided) => {
        if (span.isRecording()) span.setAttributes(decisionAttributes(decided));
      },
    };
  }

  end({ attributes, error }: End): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (error !== undefined) fail(this.#span, error);
    this.#span.setAttributes(attributes).end();
  }

  /** Why a stream failed whose status said that all was well: over HTTP it may fail after that. */
  failedBehind(status: number | undefined): string | undefined {
    return status === 200 ? this.#failureReason : undefined;
  }

  #note(record: ExecutionRecord): void {
    this.#failureReason = record.failureReason;
    if (this.#span.isRecording()) this.#span.setAttributes(executionAttributes(record));
  }

  #startAttempt(attempt: number, target: PlannedTarget): AttemptObserver {
    const { tracer, propagator, addressOf } = this.#deps;
    const attributes = attemptAttributes(attempt, target, addressOf(target));
    const options = { kind: SpanKind.CLIENT, attributes };
    const span = tracer.startSpan(`chat ${target.model}`, options, this.#context);
    const headers: string[] = [];
    propagator.inject(trace.setSpan(this.#context, span), headers, HEADERS);
    return {
      headers,
      onEnd(record, report) {
        if (!span.isRecording()) return;
        if (isFailure(record)) fail(span, record.outcome);
        span.setAttributes(outcomeAttributes(record, report)).end();
      },
    };
  }
}

const fail = (span: Span, error: string): Span =>
  span.setAttribute(OTEL.errorType, error).setStatus({ code: SpanStatusCode.ERROR });
