/** `modeltier …`: the command line, over the gRPC API. */
import { text } from "node:stream/consumers";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { readEnvironment } from "../settings/environment.ts";
import type { Terminal } from "./cli.ts";
import { runCli } from "./run.ts";

const terminal: Terminal = {
  print: (line) => process.stdout.write(`${line}\n`),
  say: (line) => process.stderr.write(`${line}\n`),
  progress: (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`);
  },
  read: () => text(process.stdin),
};

process.exitCode = await runCli(process.argv.slice(2), {
  environment: readEnvironment(process.env, process.cwd()),
  terminal,
  connect: ({ address, token }) =>
    createGrpcTransport({
      baseUrl: address.includes("://") ? address : `http://${address}`,
      interceptors: [
        (next) => (request) => {
          if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
          return next(request);
        },
      ],
    }),
});
