import { type ClientReadableStream, credentials, makeClientConstructor, status } from "@grpc/grpc-js";
import { service as health } from "grpc-health-check";
import { expect, it } from "vitest";
import { USUAL_CONNECTIONS } from "../settings/connections.ts";
import { listenGrpc } from "./grpc.ts";

type Watch = ClientReadableStream<{ status: string }>;

it("a drain tells those who watch the health that it is over, and waits for none of them", async () => {
  const listener = await listenGrpc({
    access: { admit: () => undefined },
    host: "127.0.0.1",
    port: 0,
    services: [],
    connections: USUAL_CONNECTIONS,
    shutdownSignal: new AbortController().signal,
  });
  listener.setServing(true);
  const Client = makeClientConstructor(health, "Health");
  const client = new Client(`127.0.0.1:${listener.port}`, credentials.createInsecure());
  const watch = (client.watch as (request: object) => Watch).call(client, { service: "" });
  const heard: string[] = [];
  const ended = new Promise<number>((resolve) => {
    watch.on("error", (error: Error & { code: number }) => resolve(error.code));
  });
  await new Promise<void>((resolve) => {
    watch.on("data", (response: { status: string }) => {
      heard.push(response.status);
      resolve();
    });
  });

  listener.setServing(false);
  await listener.drain();
  expect(await ended).toBe(status.UNAVAILABLE);
  expect(heard).toEqual(["SERVING", "NOT_SERVING"]);
  client.close();
  listener.close();
});
