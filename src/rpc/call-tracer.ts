/** How the listeners let their calls be followed. The engine and they know this port; OpenTelemetry is behind it. */
import type { CallObserver } from "../completion/call.ts";
import type { Decided } from "../completion/decide.ts";

/** The value of a request's header, by its name in lower case. */
export type HeaderReader = (name: string) => string | null | undefined;

export interface CallTracer {
  /** @param method "modeltier.v1.RouterService/Complete" */
  startRpc(system: RpcSystem, method: string, header: HeaderReader): RpcTrace;
  /** @param route "/v1/chat/completions" */
  startHttp(method: "POST", route: string, header: HeaderReader): HttpTrace;
}

/** By OpenTelemetry's names; gRPC-Web counts as gRPC. */
export type RpcSystem = "grpc" | "connectrpc";

export interface RpcTrace extends CallTrace {
  /** Only the first end counts. @param errorCode in lower_snake, as Connect writes it; absent: it went well */
  end(errorCode?: string): void;
}

export interface HttpTrace extends CallTrace {
  /** @param status absent: the caller was gone before there was one */
  end(status: number | undefined): void;
}

interface CallTrace {
  /** For the engine. */
  readonly observer: CallObserver;
  /** A decision that nothing is executed of yet. */
  onDecision(decided: Decided): void;
}
