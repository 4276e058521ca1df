/** How the page asks the services, and what it does with what they say. */
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { QueryCache, QueryClient } from "@tanstack/react-query";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../../../gen/modeltier/v1/router_service_pb.js";
import { findToken, PAGE_HEADER } from "./session.ts";

const withToken: Interceptor = (next) => (request) => {
  request.header.set(PAGE_HEADER, "1");
  const token = findToken();
  if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
  return next(request);
};

export const transport = createConnectTransport({
  baseUrl: location.origin,
  useBinaryFormat: true,
  interceptors: [withToken],
});

/** For streams, which connect-query does not do. */
export const analytics = createClient(AnalyticsService, transport);
export const configs = createClient(ConfigService, transport);
export const router = createClient(RouterService, transport);

export const isUnauthenticated = (error: unknown): boolean =>
  ConnectError.from(error).code === Code.Unauthenticated;

/** Asking again helps where the server or the way to it was at fault, not where the question was. */
const mayPass = (error: unknown): boolean => {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.Unknown;
};

export const queries = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      // The token was changed at the server: the frame asks for it again.
      if (isUnauthenticated(error) && query.meta?.probe !== true) void queries.resetQueries();
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && mayPass(error),
    },
  },
});
