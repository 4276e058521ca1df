/** The HTTP listener: Connect and gRPC-Web for the services, and Fastify for everything else (health, metrics). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Code, ConnectError, createConnectRouter } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { type FastifyInstance, fastify } from "fastify";
import type { Log } from "../telemetry/log.ts";
import { LIMITS } from "./limits.ts";
import { shortenDeadline } from "./longest-deadline.ts";
import type { ServiceEntry } from "./service-entry.ts";
import { blameCaller } from "./undecodable.ts";

export type HttpListener = Readonly<{
  /** The port in use. */
  port: number;
  /** Takes no new connections and waits for the calls in flight. */
  drain(): Promise<void>;
  /** Ends every connection. */
  close(): void;
}>;

export type HttpListenerOptions = Readonly<{
  host: string;
  port: number;
  services: readonly ServiceEntry[];
  /** Aborts the calls in flight when the grace of a shutdown is over. */
  shutdownSignal: AbortSignal;
  /** Adds the routes that are not RPCs. */
  routes: (app: FastifyInstance) => void;
  log: Log;
}>;

/** Listens. @throws the socket's error when the port cannot be had */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const rpc = rpcListener(options);
  let server: Server | undefined;
  const app = fastify({
    logger: false,
    bodyLimit: LIMITS.messageBytes,
    serverFactory: (handler) => {
      server = createServer(
        { maxHeaderSize: LIMITS.metadataBytes, keepAliveTimeout: 65_000 },
        (request, response) => {
          if (!hasUsableAuthority(request)) refuse(response, 400, "the Host header or the path is malformed");
          else if (!rpc(request, response)) handler(request, response);
        },
      );
      return server;
    },
  });
  options.routes(app);
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `nothing is served at ${request.method} ${request.url.slice(0, 200)}` }),
  );
  await app.listen({ host: options.host, port: options.port });
  const listening = server as Server;
  return {
    port: portOf(listening),
    drain: () => drain(listening),
    close: () => listening.closeAllConnections(),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Clients that keep a connection and ask again and again, as a browser does, are let go between two of their questions. */
const SWEEP_MS = 50;

function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    server.close(() => {
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** What Node's parser lets through and `new URL` would trip over. */
function hasUsableAuthority({ headers, url }: IncomingMessage): boolean {
  const host = headers.host;
  return url?.startsWith("/") === true && host !== undefined && URL.canParse(`http://${host}/`);
}

function refuse(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
}

/** Serves the request if its path is an RPC's; false leaves it to others. */
function rpcListener({ services, shutdownSignal, log }: HttpListenerOptions) {
  const router = createConnectRouter({
    readMaxBytes: LIMITS.messageBytes,
    maxTimeoutMs: LIMITS.callMs,
    shutdownSignal,
  });
  for (const { service, implementation } of services) router.service(service, implementation as never);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const handler = handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handler === undefined) return false;
    shortenDeadline(request.headers);
    handler(universalRequestFromNodeRequest(request, untilAnswered(response), undefined, undefined))
      .then((answer) => blameCaller(answer, handler.method))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => {
        if (isCallerGone(error, response)) return;
        log.error("an RPC could not be answered over HTTP", {
          method: handler.method.name,
          error: nameOf(error),
        });
        response.destroy();
      });
    return true;
  };
}

/**
 * What Connect listens to for a caller who goes away. It aborts the call's signal whenever the response closes; once the answer has left
 * nobody is interested, and the exception that Node makes for an abort costs as much as a decision.
 */
function untilAnswered(response: ServerResponse): ServerResponse {
  const source = {
    once(event: string, listener: () => void) {
      response.once(event, () => {
        if (!response.writableFinished) listener();
      });
      return source;
    },
    off: () => source,
  };
  return source as unknown as ServerResponse;
}

const isCallerGone = (error: unknown, response: ServerResponse): boolean =>
  response.destroyed || ConnectError.from(error).code === Code.Aborted;

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
