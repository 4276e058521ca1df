/** A process that listens and never accepts: once its queue is full the kernel drops every further SYN. Prints its port. */
import { createServer } from "node:net";

const LIFETIME_MS = 180_000;

const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`, () => {
    // Connections are accepted by the event loop, which stands still from here on.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LIFETIME_MS);
    process.exit(0);
  });
});
