/** Health watches have no end of their own: a drain would wait for them until its grace is over. */
import {
  type ServerInterceptingCall as Call,
  ServerInterceptingCall,
  type ServerInterceptor,
  status,
} from "@grpc/grpc-js";

const WATCH = "/grpc.health.v1.Health/Watch";

export class HealthWatches {
  readonly #open = new Set<Call>();

  readonly interceptor: ServerInterceptor = (method, next) => {
    if (method.path !== WATCH) return next as Call;
    const call = new ServerInterceptingCall(next, {
      start: (begin) =>
        begin({
          onCancel: () => {
            this.#open.delete(call);
          },
        }),
    });
    this.#open.add(call);
    return call;
  };

  /** Ends them all; who watched is to watch another server. */
  end(): void {
    for (const call of this.#open) {
      call.sendStatus({
        code: status.UNAVAILABLE,
        details: "the service is shutting down",
      });
    }
    this.#open.clear();
  }
}
