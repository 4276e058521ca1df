import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Registry } from "prom-client";
import { afterEach, expect, it } from "vitest";
import { addProcessMetrics } from "./process-metrics.ts";

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

async function openConnections(count: number): Promise<void> {
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  for (let opened = 0; opened < count; opened += 1) sockets.push(connect(port, "127.0.0.1"));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
}

it.runIf(process.platform === "linux")("counts what is open", async () => {
  const registry = new Registry();
  addProcessMetrics(registry);
  const read = async () => Number(/^process_open_fds (\d+)$/m.exec(await registry.metrics())?.[1]);
  const before = await read();
  await openConnections(100);
  expect((await read()) - before).toBeGreaterThanOrEqual(100);
});

it("walks over nothing that grows with the connections but their types", async () => {
  const registry = new Registry();
  addProcessMetrics(registry);
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  expect(names.filter((name) => /active|open/.test(name))).toEqual(
    process.platform === "linux"
      ? ["nodejs_active_resources", "process_open_fds"]
      : ["nodejs_active_resources"],
  );
});
