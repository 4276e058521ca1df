/** What grpc-js serves beside the contract, asked with grpc-js's own stubs. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { protoPath } from "grpc-health-check";

const REFLECTION = join(
  dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json")),
  "build/proto/grpc/reflection/v1/reflection.proto",
);

type Stub = Record<
  string,
  (...args: unknown[]) => AsyncIterable<unknown> & { write(request: object): void; cancel(): void }
>;
type Stubs = {
  grpc: {
    health: { v1: Record<string, ServiceClientConstructor> };
    reflection: { v1: Record<string, ServiceClientConstructor> };
  };
};

export function rawClients(address: string) {
  const load = (path: string) => loadPackageDefinition(loadSync(path, { enums: String })) as unknown as Stubs;
  const stubOf = (service: ServiceClientConstructor | undefined): Stub => {
    if (service === undefined) throw new Error("the proto has no such service");
    return new service(address, credentials.createInsecure()) as unknown as Stub;
  };
  const metadataOf = (key: string | undefined): Metadata => {
    const metadata = new Metadata();
    if (key !== undefined) metadata.set("authorization", `Bearer ${key}`);
    return metadata;
  };
  /** The first answer of a stream, or the error. */
  const first = async (stream: AsyncIterable<unknown> & { cancel(): void }): Promise<unknown> => {
    try {
      for await (const answer of stream) return answer;
      return undefined;
    } catch (error) {
      return error as ServiceError;
    } finally {
      stream.cancel();
    }
  };
  return {
    health(method: "Check" | "Watch", key?: string): Promise<unknown> {
      const stub = stubOf(load(protoPath).grpc.health.v1.Health);
      if (method === "Watch") return first((stub.Watch as Stub[string]).call(stub, {}, metadataOf(key)));
      return new Promise((resolve) => {
        (stub.Check as Stub[string]).call(stub, {}, metadataOf(key), (error: unknown, answer: unknown) =>
          resolve(error ?? answer),
        );
      });
    },
    /** The services there are, as one text; or the error. */
    async reflection(key?: string): Promise<unknown> {
      const stub = stubOf(load(REFLECTION).grpc.reflection.v1.ServerReflection);
      const stream = (stub.ServerReflectionInfo as Stub[string]).call(stub, metadataOf(key));
      stream.write({ listServices: "" });
      const answer = await first(stream);
      return answer instanceof Error ? answer : JSON.stringify(answer);
    },
  };
}
