import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { RouteRequestSchema, RouteResponseSchema } from "../../../gen/modeltier/v1/routing_pb.js";
import { type Command, EXIT, UsageError } from "../cli.ts";

export const routeCommand: Command = {
  usage: "route <RouteRequest as JSON, or - for standard input>",
  summary: "Shows how a step would be routed.",
  options: {},
  async run({ operands, transport, terminal, json }) {
    const [given] = operands;
    if (given === undefined || operands.length > 1) throw new UsageError("give one RouteRequest as JSON");
    const request = fromJson(RouteRequestSchema, jsonOf(given === "-" ? await terminal.read() : given));
    const response = await createClient(RouterService, transport).route(request);
    if (json) terminal.print(JSON.stringify(toJson(RouteResponseSchema, response)));
    else {
      const { provider, model, reason } = response.decision ?? { provider: "", model: "", reason: "" };
      terminal.print(`${provider}/${model}\n${reason}`);
    }
    return EXIT.done;
  },
};

/** @throws UsageError */
export function jsonOf(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError("the request is no JSON");
  }
}
