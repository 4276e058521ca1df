import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ListProvidersResponseSchema } from "../../../gen/modeltier/v1/provider_pb.js";
import { ProviderService } from "../../../gen/modeltier/v1/provider_service_pb.js";
import { type Command, EXIT, UsageError } from "../cli.ts";

export const providersCommand: Command = {
  usage: "providers",
  summary: "Lists the providers, which keys are there, and how many models each has.",
  options: {},
  async run({ operands, transport, terminal, json }) {
    if (operands.length > 0) throw new UsageError(`${operands[0]} is one word too many`);
    const response = await createClient(ProviderService, transport).listProviders({});
    if (json) terminal.print(JSON.stringify(toJson(ListProvidersResponseSchema, response)));
    else {
      for (const { id, keyPresent, missingVariable, models, baseUrl } of response.providers) {
        const key = keyPresent ? "key present" : `no key: set ${missingVariable}`;
        terminal.print(`${id.padEnd(12)} ${key}; ${models.length} models at ${baseUrl}`);
      }
      if (response.sandbox) terminal.say("the sandbox answers in place of the providers");
    }
    return EXIT.done;
  },
};
