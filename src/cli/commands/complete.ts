import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { CompleteResponseSchema, Role } from "../../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { usdFromNano } from "../../pricing/cost.ts";
import { type Command, EXIT, UsageError } from "../cli.ts";

export const completeCommand: Command = {
  usage: "complete <prompt, or - for standard input>",
  summary: "Gets an answer; with --json every event, one a line.",
  options: { agent: "the agent's id (cli)", model: "exactly this model, as provider/model" },
  async run({ operands, options, transport, terminal, json }) {
    const [given] = operands;
    if (given === undefined || operands.length > 1) throw new UsageError("give one prompt, in quotes");
    const prompt = given === "-" ? await terminal.read() : given;
    const events = createClient(RouterService, transport).complete({
      routing: {
        case: "route",
        value: { agentId: options.agent ?? "cli", constraints: { model: options.model ?? "" } },
      },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: prompt } }] }],
    });
    let answer = "";
    for await (const response of events) {
      const { event } = response;
      if (json) terminal.print(JSON.stringify(toJson(CompleteResponseSchema, response)));
      else if (event.case === "textDelta") answer += event.value.text;
      else if (event.case === "completed") {
        const { provider, model, costNanoUsd } = event.value;
        terminal.print(answer);
        terminal.say(`${provider}/${model}, USD ${usdFromNano(costNanoUsd)}`);
      } else if (event.case === "attemptFailed") terminal.say(`an attempt failed: ${event.value.failure}`);
      if (!json) terminal.progress(`${answer.length} characters`);
    }
    terminal.progress("");
    return EXIT.done;
  },
};
