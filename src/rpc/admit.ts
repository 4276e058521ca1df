/**
 * Which RPCs wait for room: those that wait for providers. Operators, admins and probes are never turned away by the callers' load, and
 * a `Route` is decided in microseconds.
 */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { Admission, Place } from "../admission/admission.ts";
import { callerOf } from "./caller.ts";
import { bytesOfRequest } from "./request-bytes.ts";

/** Throws OverloadError, or promises to, when there is no room. */
export type Admit = (request: Message, context: HandlerContext) => Place | Promise<Place>;

const HELD: ReadonlySet<DescMethod> = new Set([
  RouterService.method.complete,
  RouterService.method.completeOnce,
]);

/** Undefined for methods that are always let in. Who calls has to be known by then. */
export const admitter =
  (admission: Pick<Admission, "enter">) =>
  (method: DescMethod): Admit | undefined =>
    HELD.has(method)
      ? (request, context) =>
          admission.enter(callerOf(context), bytesOfRequest(request, context), context.timeoutMs())
      : undefined;
