import type { EventEmitter } from "node:events";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { ServerReadableStream, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import type { Evidence } from "../access/access.ts";
import { GrpcEvidence } from "./evidence.ts";

export type GrpcCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerReadableStream<unknown, unknown>
  | ServerWritableStream<unknown, unknown>;

/** Longest deadline kept as it is, in ms; beyond it the service's own limit rules anyway. */
const FAR_FUTURE_MS = 2 ** 31 - 1;

/**
 * A grpc-js call seen as a Connect handler context. Every part is made when it is first asked for: a `Route` that
 * reads neither headers nor signal pays for neither.
 */
export class GrpcHandlerContext implements HandlerContext {
  readonly method: DescMethod;
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  readonly #call: GrpcCall;
  readonly #shutdownSignal: AbortSignal;
  #signal?: AbortSignal;
  #isAnswered = false;
  #requestHeader?: Headers;
  #responseHeader?: Headers;
  #responseTrailer?: Headers;
  #values?: ContextValues;

  /** @param shutdownSignal ends the call when the service goes away */
  constructor(call: GrpcCall, method: DescMethod, shutdownSignal: AbortSignal) {
    this.#call = call;
    this.method = method;
    this.#shutdownSignal = shutdownSignal;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get url(): string {
    return `http://${this.#call.getHost()}${this.#call.getPath()}`;
  }

  /** What is known of the caller. */
  get evidence(): Evidence {
    return new GrpcEvidence(this.#call);
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#follow();
    return this.#signal;
  }

  /** The handler has had its say: whatever ends the call now interrupts nothing. */
  answered(): void {
    this.#isAnswered = true;
  }

  readonly timeoutMs = (): number | undefined => {
    const deadline = Number(this.#call.getDeadline());
    const remaining = deadline - Date.now();
    return remaining < FAR_FUTURE_MS ? remaining : undefined;
  };

  get requestHeader(): Headers {
    this.#requestHeader ??= headersOf(this.#call);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= createContextValues();
    return this.#values;
  }

  /** What the handler set, without making it when it set nothing. */
  get outgoing(): Readonly<{ header?: Headers; trailer?: Headers }> {
    return { header: this.#responseHeader, trailer: this.#responseTrailer };
  }

  /** grpc-js says "cancelled" at the end of every call, also of one that went well: the place to let go of the shutdown. */
  #follow(): AbortSignal {
    const call = this.#call;
    const controller = new AbortController();
    const shutDown = () => controller.abort(this.#shutdownSignal.reason);
    const end = () => {
      this.#shutdownSignal.removeEventListener("abort", shutDown);
      if (!this.#isAnswered) controller.abort(endOf(call));
    };
    if (call.cancelled) end();
    else {
      (call as EventEmitter).once("cancelled", end);
      this.#shutdownSignal.addEventListener("abort", shutDown);
    }
    return controller.signal;
  }
}

/** grpc-js says "cancelled" for both; the clock tells which it was. */
function endOf(call: GrpcCall): ConnectError {
  return Number(call.getDeadline()) <= Date.now()
    ? new ConnectError("the deadline has passed", Code.DeadlineExceeded)
    : new ConnectError("the caller cancelled", Code.Canceled);
}

function headersOf(call: GrpcCall): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(call.metadata.toHttp2Headers())) {
    const list = Array.isArray(values) ? values : [values];
    for (const value of list) if (value !== undefined) headers.append(name, String(value));
  }
  return headers;
}
