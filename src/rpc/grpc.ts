/** The native gRPC listener: grpc-js with the services, health and reflection. */
import { readFileSync } from "node:fs";
import type { Http2Server, IncomingHttpHeaders } from "node:http2";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  Server as GrpcServer,
  logVerbosity,
  type Server,
  ServerCredentials,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation, protoPath as healthProto } from "grpc-health-check";
import type { Access } from "../access/access.ts";
import { fileOf } from "../files.ts";
import type { ConnectionSettings } from "../settings/connections.ts";
import { grpcDefinition, grpcHandlers } from "./grpc-adapter.ts";
import { besideContract } from "./grpc-gate.ts";
import { HealthWatches } from "./health-watches.ts";
import { LIMITS } from "./limits.ts";
import { shortenDeadline } from "./longest-deadline.ts";
import type { ServiceEntry } from "./service-entry.ts";
import { SilentConnections } from "./silent-connections.ts";
import { FollowingCredentials, type TlsCertificates } from "./tls.ts";
import { writeAhead } from "./write-ahead.ts";

/** The contract as `buf build` compiled it; what reflection answers from. */
const IMAGE = fileOf("gen/modeltier.binpb");

export type GrpcListener = Readonly<{
  /** The port in use. */
  port: number;
  /** Says SERVING, or NOT_SERVING, for the whole server and for every service. */
  setServing(serving: boolean): void;
  /** Tells clients to go elsewhere and waits for the calls in flight. */
  drain(): Promise<void>;
  /** Ends every call. */
  close(): void;
}>;

export type GrpcListenerOptions = Readonly<{
  host: string;
  port: number;
  services: readonly ServiceEntry[];
  /** Absent: it speaks in the clear. */
  tls?: TlsCertificates;
  connections: ConnectionSettings;
  /** Who may ask for health and reflection; the services see to themselves. */
  access: Pick<Access, "admit">;
  /** Aborts the calls in flight when the grace of a shutdown is over. */
  shutdownSignal: AbortSignal;
}>;

/** Listens. @throws when the port cannot be had */
export async function listenGrpc({
  host,
  port,
  services,
  tls,
  connections,
  access,
  shutdownSignal,
}: GrpcListenerOptions): Promise<GrpcListener> {
  setLogVerbosity(logVerbosity.NONE); // it would quote a caller's metadata that is malformed, an API key among it, on stderr
  const watches = new HealthWatches();
  const silent = new SilentConnections();
  const server = new GrpcServer({
    "grpc.max_receive_message_length": LIMITS.messageBytes,
    "grpc.max_concurrent_streams": LIMITS.streamsPerConnection,
    "grpc.max_connection_idle_ms": connections.idleMs,
    "grpc.keepalive_time_ms": connections.keepaliveMs,
    "grpc.keepalive_timeout_ms": connections.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0, // counts and dates every call for a debugger that is not served
    interceptors: [writeAhead, besideContract(services, access), watches.interceptor],
  });
  for (const entry of services)
    server.addService(grpcDefinition(entry.service), grpcHandlers(entry, shutdownSignal));
  const names = ["", ...services.map(({ service }) => service.typeName)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "NOT_SERVING"])));
  health.addToServer(server);
  addReflection(server);
  const credentials = tls === undefined ? ServerCredentials.createInsecure() : new FollowingCredentials(tls);
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const bound = await bind(server, address, credentials);
  for (const http2Server of http2ServersOf(server)) {
    shortenDeadlines(http2Server);
    silent.watch(http2Server);
    tls?.watch(http2Server);
  }
  return {
    port: bound,
    setServing: (serving) => {
      for (const name of names) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    },
    drain: () =>
      new Promise((resolve) => {
        server.tryShutdown(() => resolve());
        watches.end();
        silent.hurry();
      }),
    close: () => server.forceShutdown(),
  };
}

/** What grpc-js is built on, for what it offers no place for. */
const http2ServersOf = (server: Server): Iterable<Http2Server> =>
  (server as unknown as { http2Servers: ReadonlyMap<Http2Server, unknown> }).http2Servers.keys();

/** Ahead of grpc-js, which reads the deadline when a call begins. */
function shortenDeadlines(server: Http2Server): void {
  server.prependListener("stream", (_, headers: IncomingHttpHeaders) => shortenDeadline(headers));
}

/** Hands over the files as they were compiled: proto-loader would merge those of one package and lose their imports. */
function addReflection(server: Server): void {
  const { file: files } = fromBinary(FileDescriptorSetSchema, readFileSync(IMAGE));
  const contract = {
    fileDescriptorProtos: files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file))),
  };
  new ReflectionService({ contract, ...loadSync(healthProto) } as unknown as PackageDefinition).addToServer(
    server,
  );
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
