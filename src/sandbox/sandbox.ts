/** A local server that stands in for the providers: their dialects, their failures, and a ledger of what it saw. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CATALOGUE } from "../pricing/catalogue.ts";
import { costOf } from "../pricing/cost.ts";
import type { Catalogue } from "../pricing/types.ts";
import type { Dialect } from "../providers/provider.ts";
import { PromptCache } from "./answer/prompt-cache.ts";
import { type FaultRule, FaultRules } from "./faults/rules.ts";
import { type Connections, handle } from "./http-api.ts";
import { Ledger } from "./ledger.ts";
import { RECORDINGS_FOLDER, Recordings } from "./recordings.ts";
import type { World } from "./world.ts";

export type SandboxOptions = Readonly<{
  /** 0, the default: any free port. */
  port?: number;
  host?: string;
  /** Of one answer; Infinity: as fast as the client reads. */
  tokensPerSecond?: number;
  /** Tokens that come together, at least 1. */
  burst?: number;
  /** Between two pings of the fault `ping-only`, in ms. */
  pingIntervalMs?: number;
  /** Entries that the ledger keeps; its sums count all. */
  ledgerEntries?: number;
  /** Prices, context windows and the lists of models; any other model is served too. */
  catalogue?: Catalogue;
  /** Milliseconds since 1970: the `date` header, HTTP-date waits and price days follow it. */
  wallClock?: () => number;
  /** The folder of the fault `recorded`, laid out as `test/fixtures/providers`. */
  recordings?: URL;
}>;

export type Sandbox = Readonly<{
  /** "http://127.0.0.1:8090" */
  url: string;
  /** What the providers' adapters and SDKs take as their base URL. */
  baseUrls: Readonly<Record<Dialect, string>>;
  ledger: Ledger;
  /** Sets the faults of a provider's model, as `PUT /control/faults` does. @throws FaultGrammarError */
  setFaults(rule: FaultRule): void;
  clearFaults(): void;
  /** Sockets that are open, idle ones included. */
  openConnections(): number;
  /** Breaks off what is open and stops listening. */
  close(): Promise<void>;
}>;

const TOKENS_PER_SECOND = 200;
const PING_INTERVAL_MS = 100;
const LEDGER_ENTRIES = 100_000;
/** Longer than any client keeps an idle socket, so that it is never the server that closes one under a request. */
const KEEP_ALIVE_MS = 10 * 60_000;

/** Starts the sandbox. Rejects with the system's error when the port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { port = 0, host = "127.0.0.1" } = options;
  let closing = false;
  const world = createWorld(options, () => closing);
  const { server, connections } = createSandboxServer(world);
  await listen(server, port, host);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    baseUrls: { openai: `${url}/openai/v1`, anthropic: `${url}/anthropic`, kimi: `${url}/kimi/v1` },
    ledger: world.ledger,
    setFaults: (rule) => world.rules.set(rule),
    clearFaults: () => world.rules.clear(),
    openConnections: connections.openConnections,
    close: () => {
      closing = true;
      return close(server);
    },
  };
}

function createWorld(options: SandboxOptions, isClosing: () => boolean): World {
  const { catalogue = CATALOGUE, wallClock = Date.now, burst = 1 } = options;
  const { tokensPerSecond = TOKENS_PER_SECOND, pingIntervalMs = PING_INTERVAL_MS } = options;
  if (!(tokensPerSecond > 0)) throw new RangeError("tokensPerSecond must be greater than 0");
  const startedMs = performance.now();
  const clock = { wallMs: wallClock, elapsedMs: () => performance.now() - startedMs };
  const priceOf: ConstructorParameters<typeof Ledger>[1] = (provider, model, day, tokens) => {
    const { costNanoUsd, priceStatus } = costOf(catalogue.findModel(provider, model), day, tokens);
    return { costNanoUsd, priceStatus };
  };
  return {
    clock,
    ledger: new Ledger(clock, priceOf, options.ledgerEntries ?? LEDGER_ENTRIES),
    rules: new FaultRules(),
    cache: new PromptCache(),
    recordings: new Recordings(options.recordings ?? RECORDINGS_FOLDER),
    catalogue,
    pace: { tokensPerSecond, burst },
    pingIntervalMs,
    isClosing,
  };
}

function createSandboxServer(world: World): Readonly<{ server: Server; connections: Connections }> {
  let open = 0;
  const connections = { openConnections: () => open };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
    // A client that breaks its own connection is what many tests do; it needs no answer and no log line.
    request.once("error", () => {});
    response.once("error", () => {});
    handle(request, response, world, connections).catch((error: unknown) => fail(error, response));
  });
  server.on("connection", (socket) => {
    open++;
    socket.once("close", () => open--);
  });
  return { server, connections };
}

/** A fault of the sandbox's own, or a client that left before its request was read: then nobody hears this. */
function fail(error: unknown, response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else
    response.writeHead(500, { "content-type": "text/plain" }).end(`The sandbox failed: ${String(error)}\n`);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
