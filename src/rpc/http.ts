/** The HTTP listener: Connect and gRPC-Web for the services, and Fastify for everything else (health, metrics). */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import { Code, ConnectError, createConnectRouter, createContextValues } from "@connectrpc/connect";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { type FastifyInstance, fastify } from "fastify";
import type { Access } from "../access/access.ts";
import type { ConnectionSettings } from "../settings/connections.ts";
import type { Log } from "../telemetry/log.ts";
import { browserGate, setSafeHeaders } from "./browser-gate.ts";
import { EVIDENCE } from "./caller.ts";
import { Connections } from "./connections.ts";
import { HttpEvidence } from "./evidence.ts";
import { exchangeSignal } from "./exchange-signal.ts";
import { guardRoutes } from "./http-gate.ts";
import { LIMITS } from "./limits.ts";
import { shortenDeadline } from "./longest-deadline.ts";
import type { ServiceEntry } from "./service-entry.ts";
import type { TlsCertificates } from "./tls.ts";
import { blameCaller } from "./undecodable.ts";
import { universalRequestOf } from "./universal-request.ts";

export type HttpListener = Readonly<{
  /** The port in use. */
  port: number;
  /** Takes no new connections, waits for the calls in flight and for nothing else. */
  drain(): Promise<void>;
  /** Ends every connection. */
  close(): void;
}>;

export type HttpListenerOptions = Readonly<{
  host: string;
  port: number;
  services: readonly ServiceEntry[];
  /** Names by which browsers may call it, beside those of this machine. */
  allowedHosts: readonly string[];
  /** Absent: it speaks in the clear. */
  tls?: TlsCertificates;
  connections: ConnectionSettings;
  /** Who may ask for the routes; the services see to themselves. */
  access: Pick<Access, "admit">;
  /** Aborts the calls in flight when the grace of a shutdown is over. */
  shutdownSignal: AbortSignal;
  /** Adds the routes that are not RPCs. */
  routes: (app: FastifyInstance) => void;
  log: Log;
}>;

/** Listens. @throws the socket's error when the port cannot be had */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const rpc = rpcListener(options);
  const findObjection = browserGate(options);
  const connections = new Connections();
  let server: Server | undefined;
  const app = fastify({
    logger: false,
    bodyLimit: LIMITS.messageBytes,
    serverFactory: (handler) => {
      server = serve(options, (request, response) => {
        connections.begin(request, response);
        request.on("error", ignoreHangUp);
        setSafeHeaders(response);
        if (!hasUsableAuthority(request)) {
          return refuse(response, 400, "the Host header or the path is malformed");
        }
        const objection = findObjection(request);
        if (objection !== undefined) refuse(response, 403, objection);
        else if (!rpc(request, response)) handler(request, response);
      });
      connections.watch(server);
      return server;
    },
  });
  guardRoutes(app, options.access);
  options.routes(app);
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `nothing is served at ${request.method} ${request.url.slice(0, 200)}` }),
  );
  await app.listen({ host: options.host, port: options.port });
  const listening = server as Server;
  return {
    port: portOf(listening),
    drain: () => connections.drain(listening),
    close: () => listening.closeAllConnections(),
  };
}

/**
 * Stays for as long as the request does. Connect takes its own listener off when the response closes; with requests pipelined that may
 * be between Node's decision to report a caller's hang-up and the report, which without a listener would end the process.
 */
const ignoreHangUp = (): void => {};

/** Longer than what load balancers keep, so that it is not us who close a connection that they are about to use. */
const KEEP_ALIVE_MS = 65_000;
/** How often connections are looked at that have not said enough. */
const LOOK_MS = 2_000;

function serve(
  { tls, connections: { keepaliveMs, idleMs } }: Pick<HttpListenerOptions, "tls" | "connections">,
  listener: RequestListener,
): Server {
  const options = {
    maxHeaderSize: LIMITS.metadataBytes,
    keepAliveTimeout: Math.min(KEEP_ALIVE_MS, idleMs),
    headersTimeout: LIMITS.firstWordMs,
    connectionsCheckingInterval: LOOK_MS,
    // The kernel asks a caller who has gone without a word, ten times in ten seconds.
    keepAlive: true,
    keepAliveInitialDelay: keepaliveMs,
  };
  if (tls === undefined) return createServer(options, listener);
  const server = createSecureServer({ ...options, ...tls.handshake, ...tls.context() }, listener);
  tls.follow((context) => server.setSecureContext(context));
  tls.watch(server);
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
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
  });
  for (const { service, implementation } of services) router.service(service, implementation as never);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const handler = handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handler === undefined) return false;
    shortenDeadline(request.headers);
    const values = createContextValues().set(EVIDENCE, new HttpEvidence(request));
    handler(universalRequestOf(request, exchangeSignal(response, shutdownSignal), values))
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

const isCallerGone = (error: unknown, response: ServerResponse): boolean =>
  response.destroyed || ConnectError.from(error).code === Code.Aborted;

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
