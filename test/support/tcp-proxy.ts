/**
 * A TCP proxy in user space that breaks connections on request: late, silent, reset, half-closed, cut at byte k, split at
 * any byte. It knows just enough of HTTP/1.1 to see where a request ends, so that a fault belongs to one exchange.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";

/** What happens to one exchange. */
export type WireFault = Readonly<
  | { kind: "pass" }
  /** The answer comes this much later. */
  | { kind: "delay"; ms: number }
  /** The request is taken and never passed on; the socket stays open. */
  | { kind: "black_hole" }
  /** RST as soon as the request is in; the provider never sees it. */
  | { kind: "reset" }
  /** FIN instead of an answer; the provider never sees the request. */
  | { kind: "half_close" }
  /** After so many bytes of the answer: RST, FIN, or nothing more with the socket open. */
  | { kind: "cut_after"; bytes: number; by: "reset" | "end" | "silence" }
  /** The answer comes in pieces that end at these offsets, or byte by byte, each in a packet of its own. */
  | { kind: "split"; at: readonly number[] | "every byte" }
>;

export type ProxiedRequest = Readonly<{
  /** Request line and headers. */
  head: string;
  body: string;
  /** The `model` in the body; "" when there is none. */
  model: string;
  /** How often this model has been asked for through this proxy, this time included. */
  nth: number;
}>;

export type TcpProxy = Readonly<{
  port: number;
  /** Decides for each request from now on; requests before pass. */
  plan(decide: (request: ProxiedRequest) => WireFault): void;
  /** Every request so far, in order of arrival. */
  requests: readonly ProxiedRequest[];
  /** The answer to the last request as the target sent it, so far, headers included. */
  answer(): Buffer;
  /** Sockets of clients that are open at this moment. */
  openConnections(): number;
  /** Of these, how many a fault left without an end: only their clients can end them. */
  stuckConnections(): number;
  /** Breaks off what is open and stops listening. */
  close(): Promise<void>;
}>;

export const PASS: WireFault = { kind: "pass" };

/** Listens on any free port of the loopback and passes everything on to `targetPort` there. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const links = new Set<Link>();
  const requests: ProxiedRequest[] = [];
  const asked = new Map<string, number>();
  let decide: (request: ProxiedRequest) => WireFault = () => PASS;
  const onRequest = (head: string, body: string): WireFault => {
    const model = /"model"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? "";
    const nth = (asked.get(model) ?? 0) + 1;
    asked.set(model, nth);
    const request = { head, body, model, nth };
    requests.push(request);
    return decide(request);
  };
  let last: Link | undefined;
  const server = createServer({ noDelay: true }, (client) => {
    const link: Link = new Link(client, targetPort, (head, body) => {
      last = link;
      return onRequest(head, body);
    });
    links.add(link);
    client.once("close", () => links.delete(link));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    plan: (next) => {
      decide = next;
    },
    requests,
    answer: () => last?.answer ?? Buffer.alloc(0),
    openConnections: () => links.size,
    stuckConnections: () => [...links].filter(({ isStuck }) => isStuck).length,
    close: () => close(server, links),
  };
}

async function close(server: Server, links: ReadonlySet<Link>): Promise<void> {
  const closed = once(server, "close");
  server.close();
  for (const link of links) link.destroy();
  await closed;
}

const HEAD_END = "\r\n\r\n";

/** One client and, from its first request that is passed on, its own connection to the target. */
class Link {
  /** Nothing more comes on it. */
  isStuck = false;
  /** To its last request, so far. */
  answer = Buffer.alloc(0);
  readonly #client: Socket;
  readonly #targetPort: number;
  readonly #onRequest: (head: string, body: string) => WireFault;
  #target: Socket | undefined;
  #request = Buffer.alloc(0);
  #fault: WireFault = PASS;
  /** Pieces of an answer leave one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(client: Socket, targetPort: number, onRequest: (head: string, body: string) => WireFault) {
    this.#client = client;
    this.#targetPort = targetPort;
    this.#onRequest = onRequest;
    client.on("data", (bytes) => this.#gather(bytes));
    client.on("error", () => {});
    client.once("close", () => this.destroy());
  }

  destroy(): void {
    this.#client.destroy();
    this.#target?.destroy();
  }

  #gather(bytes: Buffer): void {
    this.#request = Buffer.concat([this.#request, bytes]);
    const headEnd = this.#request.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#request.toString("latin1", 0, headEnd);
    const bodyStart = headEnd + HEAD_END.length;
    const end = bodyStart + Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#request.length < end) return;
    const request = this.#request.subarray(0, end);
    this.#request = this.#request.subarray(end);
    this.#begin(request, this.#onRequest(head, request.toString("utf8", bodyStart)));
  }

  #begin(request: Buffer, fault: WireFault): void {
    this.#fault = fault;
    this.answer = Buffer.alloc(0);
    if (fault.kind === "reset") this.#client.resetAndDestroy();
    else if (fault.kind === "half_close") this.#client.end();
    else if (fault.kind === "black_hole") this.isStuck = true;
    else this.#connected().write(request);
  }

  #connected(): Socket {
    if (this.#target !== undefined) return this.#target;
    const target = connect({ port: this.#targetPort, host: "127.0.0.1", noDelay: true });
    target.on("data", (bytes) => this.#answer(bytes));
    target.on("error", () => {});
    target.once("close", (hadError) => {
      this.#writing.then(() => (hadError ? this.#client.resetAndDestroy() : this.#client.destroySoon()));
    });
    this.#target = target;
    return target;
  }

  #answer(bytes: Buffer): void {
    const fault = this.#fault;
    const offset = this.answer.length;
    this.answer = Buffer.concat([this.answer, bytes]);
    this.#writing = this.#writing.then(() => this.#send(bytes, offset, fault));
  }

  async #send(bytes: Buffer, offset: number, fault: WireFault): Promise<void> {
    switch (fault.kind) {
      case "delay":
        if (offset === 0) await sleep(fault.ms);
        break;
      case "cut_after":
        await this.#sendUpTo(bytes, offset, fault);
        return;
      case "split":
        await this.#sendPieces(bytes, offset, fault.at);
        return;
    }
    if (this.#client.writable) this.#client.write(bytes);
  }

  async #sendUpTo(
    bytes: Buffer,
    offset: number,
    { bytes: limit, by }: Extract<WireFault, { kind: "cut_after" }>,
  ): Promise<void> {
    if (offset >= limit && offset > 0) return;
    const kept = bytes.subarray(0, Math.max(0, limit - offset));
    if (kept.length > 0 && this.#client.writable) await written(this.#client, kept);
    if (offset + bytes.length < limit) return;
    if (by === "silence") this.isStuck = true;
    else if (by === "end") this.#client.end();
    else this.#client.resetAndDestroy();
    if (by !== "silence") this.#target?.destroy();
  }

  async #sendPieces(bytes: Buffer, offset: number, at: readonly number[] | "every byte"): Promise<void> {
    const ends =
      at === "every byte"
        ? Array.from(bytes.keys(), (index) => index + 1)
        : at.map((end) => end - offset).filter((end) => end > 0 && end < bytes.length);
    let start = 0;
    for (const end of [...ends, bytes.length]) {
      if (end <= start) continue;
      if (this.#client.writable) await written(this.#client, bytes.subarray(start, end));
      await turn();
      start = end;
    }
  }
}

/** Resolves when the bytes have left for the kernel, or never will. */
function written(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.write(bytes, () => resolve());
  });
}
