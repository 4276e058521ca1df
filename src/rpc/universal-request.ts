import type { IncomingMessage } from "node:http";
import type { ContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";

/**
 * A request as Connect takes it. Its body is the request itself: a generator around it, made for each call as connect-node does, has a shape
 * of its own among the old objects, which keeps the whole request until they are collected (`README.md`).
 */
export const universalRequestOf = (
  request: IncomingMessage,
  signal: AbortSignal,
  contextValues: ContextValues,
): UniversalServerRequest => ({
  httpVersion: request.httpVersion,
  method: request.method ?? "",
  url: `${"encrypted" in request.socket ? "https" : "http"}://${request.headers.host}${request.url}`,
  header: headersOf(request),
  body: request,
  signal,
  contextValues,
});

function headersOf({ headers }: IncomingMessage): Headers {
  const header = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === "string") header.append(name, value);
    else for (const one of value ?? []) header.append(name, one);
  }
  return header;
}
