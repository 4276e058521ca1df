/** `modeltier …`: the command line, over the gRPC API. */
import { text } from "node:stream/consumers";
import type { Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
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
  connect: ({ address, token, isHttp }) => {
    const baseUrl = address.includes("://") ? address : `http://${address}`;
    const withToken: Interceptor = (next) => (request) => {
      if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    };
    return isHttp
      ? createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors: [withToken] })
      : createGrpcTransport({ baseUrl, interceptors: [withToken] });
  },
});
