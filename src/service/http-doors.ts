/** The HTTP listeners: one for everything, or beside it one for metrics and one for operators. */
import { type HttpListener, type HttpListenerOptions, listenHttp } from "../rpc/http.ts";
import type { ServiceEntry } from "../rpc/service-entry.ts";
import type { Settings } from "../settings/settings.ts";
import { addHttpRoutes, type HttpPart, type HttpRoutesDeps } from "./http-routes.ts";

export type HttpDoors = Readonly<{
  httpPort: number;
  metricsPort?: number;
  adminPort?: number;
  drain(): Promise<unknown>;
  close(): void;
}>;

export type HttpDoorsOptions = Omit<
  HttpListenerOptions,
  "host" | "port" | "routes" | "services" | "allowedHosts"
> &
  Readonly<{
    settings: Settings;
    /** For callers, and for operators. The same, unless operators have a port of their own. */
    services: readonly ServiceEntry[];
    allServices: readonly ServiceEntry[];
    routes: HttpRoutesDeps;
  }>;

/** Listens. @throws the socket's error when a port cannot be had */
export async function openHttpDoors(options: HttpDoorsOptions): Promise<HttpDoors> {
  const { settings, services, allServices, routes, ...common } = options;
  const { host, httpPort, privateHost, metricsPort, adminPort } = settings;
  const { allowedHosts } = settings.access;
  const listen = (
    at: Readonly<{ host: string; port: number; services: readonly ServiceEntry[] }>,
    parts: readonly HttpPart[],
  ): Promise<HttpListener> =>
    listenHttp({
      ...common,
      ...at,
      allowedHosts,
      routes: (app) => addHttpRoutes(app, new Set(parts), routes),
    });
  const metrics: HttpPart[] = metricsPort === undefined ? ["metrics"] : [];
  const publicParts: HttpPart[] = adminPort === undefined ? ["openai", "admin", ...metrics] : ["openai"];

  // One after the other: workers that ask for port 0 share what they ask for in the same order.
  const atHttp = await listen({ host, port: httpPort, services }, publicParts);
  const atMetrics =
    metricsPort === undefined
      ? undefined
      : await listen({ host: privateHost, port: metricsPort, services: [] }, ["metrics"]);
  const atAdmin =
    adminPort === undefined
      ? undefined
      : await listen({ host: privateHost, port: adminPort, services: allServices }, ["admin", ...metrics]);
  const doors = [atHttp, atMetrics, atAdmin].filter((door) => door !== undefined);
  return {
    httpPort: atHttp.port,
    metricsPort: atMetrics?.port,
    adminPort: atAdmin?.port,
    drain: () => Promise.all(doors.map((door) => door.drain())),
    close: () => {
      for (const door of doors) door.close();
    },
  };
}
