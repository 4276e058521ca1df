/**
 * Which RPCs wait for room: those that wait for providers. Operators, admins and probes are never turned away by the callers' load, and
 * a `Route` is decided in microseconds.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { Door, Leavable } from "../limits/limited-admission.ts";
import { callerOf } from "./caller.ts";
import { bytesOfRequest } from "./request-bytes.ts";
import type { AnyRequest } from "./service-entry.ts";

/** Throws RateLimitError or OverloadError, or promises to, when there is no room. */
export type Admit = (request: AnyRequest, context: HandlerContext) => Leavable | Promise<Leavable>;

const HELD: ReadonlySet<DescMethod> = new Set([
  RouterService.method.complete,
  RouterService.method.completeOnce,
]);

/** Undefined for methods that are always let in. Who calls has to be known by then. */
export const admitter =
  (door: Door) =>
  (method: DescMethod): Admit | undefined =>
    HELD.has(method)
      ? (request, context) =>
          door.enter(callerOf(context), bytesOfRequest(request, context), context.timeoutMs())
      : undefined;
