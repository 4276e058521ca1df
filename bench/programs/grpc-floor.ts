/**
 * The least that grpc-js costs: the service's messages, decoded and encoded by protobuf-es, and nothing done in between.
 * `route <answer file>`, or `once <answer file> <upstream url>`, which also asks the upstream with undici and reads all of it.
 */
import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { Agent, request } from "undici";
import {
  CompleteOnceRequestSchema,
  CompleteOnceResponseSchema,
} from "../../gen/modeltier/v1/completion_pb.js";
import { RouteRequestSchema, RouteResponseSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { messageIn, sayPort } from "./serve.ts";
import { ANSWER_BODY } from "./undici-ask.ts";

const [mode, answerFile, upstreamUrl = ""] = process.argv.slice(2);

const definition = (name: string, input: DescMessage, output: DescMessage) => ({
  [name]: {
    path: `/modeltier.v1.RouterService/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: Message) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
    responseSerialize: (message: Message) => Buffer.from(toBinary(output, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
  },
});

const server = new Server();
if (mode === "route") {
  const answer = messageIn(RouteResponseSchema, answerFile);
  const handlers: UntypedServiceImplementation = {
    Route: (_call: unknown, callback: (error: null, value: Message) => void) => callback(null, answer),
  };
  server.addService(definition("Route", RouteRequestSchema, RouteResponseSchema), handlers);
} else {
  const answer = messageIn(CompleteOnceResponseSchema, answerFile);
  const dispatcher = new Agent({ connections: 512 });
  const handlers: UntypedServiceImplementation = {
    CompleteOnce: async (_call: unknown, callback: (error: null, value: Message) => void) => {
      const { body } = await request(upstreamUrl, { ...ANSWER_BODY, dispatcher });
      await body.text();
      callback(null, answer);
    },
  };
  server.addService(
    definition("CompleteOnce", CompleteOnceRequestSchema, CompleteOnceResponseSchema),
    handlers,
  );
}
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  sayPort(port);
});
