import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

/** What a method is asked with: a message, or a stream of them. */
export type AnyRequest = Message | AsyncIterable<Message>;

/** A method of any service, its types put aside: what the generic layers around services see. */
export type AnyMethod = (
  request: AnyRequest,
  context: HandlerContext,
) => Message | Promise<Message> | AsyncIterable<Message>;

/** Whether one message is the answer, however many are the question. */
export const answersOnce = ({ methodKind }: DescMethod): boolean =>
  methodKind === "unary" || methodKind === "client_streaming";

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
