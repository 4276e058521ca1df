/** The one way to the providers: a pool of kept-alive connections on undici, without clocks of its own after the connect. */
import type { LookupFunction } from "node:net";
import { Agent } from "undici";
import { createConnector } from "./connector.ts";
import { type BodyReader, Exchange } from "./exchange.ts";
import { type AddressRule, publicAnd } from "./outbound.ts";
import type { ExchangeObserver } from "./provider.ts";

export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type ExchangeRequest = Readonly<{
  /** For the failure's name. */
  provider: string;
  method: "GET" | "POST";
  url: URL;
  /** Only where the transport's `isAllowed` says; absent: anywhere. */
  isChecked?: boolean;
  /** Name, value, name, value. */
  headers: readonly string[];
  body?: string;
}>;

/** A response whose headers have arrived. Its body must be released. */
export type ExchangeResponse = Readonly<{
  status: number;
  headers: ResponseHeaders;
  body: BodyReader;
}>;

export interface Transport {
  /**
   * One request and the head of its response, whatever the status.
   * Rejects with ProviderError `connection` (or `protocol` for what is not HTTP), or with `signal.reason`. Aborting closes the
   * connection at once, also while the body is read.
   */
  exchange(
    request: ExchangeRequest,
    signal: AbortSignal,
    observer: ExchangeObserver,
  ): Promise<ExchangeResponse>;
  /** Closes every connection; what is still running fails. */
  close(): Promise<void>;
}

export type TransportOptions = Readonly<{
  /** Most connections to one origin; what comes on top waits for one. */
  connectionsPerOrigin?: number;
  /** DNS, TCP and TLS together, in ms. */
  connectTimeoutMs?: number;
  /** How long an idle connection is kept, in ms, unless the server says less. */
  keepAliveMs?: number;
  /** How host names are resolved; absent: as the system does. */
  lookup?: LookupFunction;
  /** Where checked requests may go; absent: to public addresses. */
  isAllowed?: AddressRule;
}>;

export function createTransport(options: TransportOptions = {}): Transport {
  const { connectionsPerOrigin = 16_384, connectTimeoutMs = 3_000, keepAliveMs = 120_000, lookup } = options;
  const agentTo = (isAllowed?: AddressRule): Agent =>
    new Agent({
      connections: connectionsPerOrigin,
      connect: createConnector({
        timeoutMs: connectTimeoutMs,
        ...(lookup && { lookup }),
        ...(isAllowed && { isAllowed }),
      }),
      keepAliveTimeout: keepAliveMs,
      // The engine runs these clocks, for each attempt its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  // Connections that were not checked are not lent to requests that have to be.
  const agent = agentTo();
  const checked = agentTo(options.isAllowed ?? publicAnd([]));
  return {
    exchange: (request, signal, observer) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) reject(signal.reason);
        else
          (request.isChecked === true ? checked : agent).dispatch(
            dispatchOptions(request),
            new Exchange(request.provider, signal, observer, resolve, reject),
          );
      }),
    close: () => Promise.all([agent.destroy(), checked.destroy()]).then(() => undefined),
  };
}

function dispatchOptions({ method, url, headers, body }: ExchangeRequest) {
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    method,
    headers: [...headers],
    body: body ?? null,
  };
}

/** The first value of a header; the name in lower case. */
export function responseHeader(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}
