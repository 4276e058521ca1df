/** What each listener knows of a caller. Read when it is asked for: most calls need the one header. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type PeerCertificate, TLSSocket } from "node:tls";
import type { Metadata } from "@grpc/grpc-js";
import type { Evidence } from "../access/access.ts";

/** A browser takes a cookie of this prefix over TLS only, for this host only. */
export const SESSION_COOKIE = "__Host-modeltier";
/** Sent by the admin page with every question. */
const PAGE_HEADER = "x-modeltier-page";

/** The part of a grpc-js call, or of an interceptor's, that tells who calls. */
export type GrpcPeer = Readonly<{
  metadata: Metadata;
  getPeer(): string;
  getAuthContext(): { sslPeerCertificate?: PeerCertificate } | null;
}>;

export class GrpcEvidence implements Evidence {
  readonly #call: GrpcPeer;

  constructor(call: GrpcPeer) {
    this.#call = call;
  }

  get authorization(): string | undefined {
    const [value] = this.#call.metadata.get("authorization");
    return typeof value === "string" ? value : undefined;
  }

  /** grpc-js says "address:port", also of IPv6, without brackets. */
  get address(): string {
    const peer = this.#call.getPeer();
    return peer.slice(0, Math.max(0, peer.lastIndexOf(":")));
  }

  get certificateNames(): readonly string[] {
    const certificate = this.#call.getAuthContext()?.sslPeerCertificate;
    return certificate === undefined ? [] : namesOf(certificate);
  }
}

export class HttpEvidence implements Evidence {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  get authorization(): string | undefined {
    return this.#request.headers.authorization;
  }

  get address(): string {
    return this.#request.socket.remoteAddress ?? "";
  }

  get certificateNames(): readonly string[] {
    return namesOfSocket(this.#request.socket);
  }

  /** Only where it cannot be overheard, and with the header that no other site can have a browser send. */
  get session(): string | undefined {
    const { headers, socket } = this.#request;
    if (!(socket instanceof TLSSocket) || headers[PAGE_HEADER] === undefined) return undefined;
    const pairs = headers.cookie?.split("; ") ?? [];
    return pairs.find((pair) => pair.startsWith(`${SESSION_COOKIE}=`))?.slice(SESSION_COOKIE.length + 1);
  }
}

const NAMES = new WeakMap<Socket, readonly string[]>();

/** Of a certificate that was verified; read once for each connection. */
function namesOfSocket(socket: Socket): readonly string[] {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return [];
  const known = NAMES.get(socket);
  if (known !== undefined) return known;
  const names = namesOf(socket.getPeerCertificate());
  NAMES.set(socket, names);
  return names;
}

/** Its subject alternative names as Node writes them, "URI:…, DNS:…". A name with a comma in it is quoted there, and matches nothing. */
const namesOf = ({ subjectaltname = "" }: PeerCertificate): readonly string[] =>
  subjectaltname.split(", ").filter((name) => name !== "");
