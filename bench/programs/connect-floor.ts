/** The least that connect-node costs over HTTP/1.1: `<answer file>`; Route answers that, whatever it is asked. */
import { createServer } from "node:http";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { RouteResponseSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { messageIn, sayPort } from "./serve.ts";

const answer = messageIn(RouteResponseSchema, process.argv[2]);
const server = createServer(
  connectNodeAdapter({ routes: (router) => router.service(RouterService, { route: () => answer }) }),
);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  sayPort(typeof address === "object" && address !== null ? address.port : 0);
});
