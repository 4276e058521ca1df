import type { DescService, Message } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

/** A method of any service, its types put aside: what the generic layers around services see. */
export type AnyMethod = (
  request: Message,
  context: HandlerContext,
) => Message | Promise<Message> | AsyncIterable<Message>;

/** A service and its implementation; what a listener mounts. */
export type ServiceEntry = Readonly<{
  service: DescService;
  implementation: Readonly<Record<string, AnyMethod>>;
}>;

/** Pairs a service with its implementation, checked against the service's own types. */
export function serviceEntry<S extends DescService>(
  service: S,
  implementation: ServiceImpl<S>,
): ServiceEntry {
  return { service, implementation: implementation as unknown as ServiceEntry["implementation"] };
}
