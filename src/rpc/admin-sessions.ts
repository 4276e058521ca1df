/** Signing in to the admin page, and out. The key comes as with any call, and was checked when a route here runs. */
import { TLSSocket } from "node:tls";
import type { FastifyInstance } from "fastify";
import type { Access } from "../access/access.ts";
import { SESSION_MS } from "../access/sessions.ts";
import { SESSION_COOKIE } from "./evidence.ts";
import { identityOfRequest } from "./http-gate.ts";

const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict";

export function addSessions(app: FastifyInstance, access: Pick<Access, "issueSession">): void {
  app.post("/admin/session", (request, reply) => {
    const identity = identityOfRequest(request);
    const isSecure = request.raw.socket instanceof TLSSocket;
    const session = isSecure && identity !== undefined ? access.issueSession(identity) : undefined;
    if (session === undefined) {
      return reply.code(409).send({ error: "a session takes TLS and a key: send the key with every call" });
    }
    const cookie = `${SESSION_COOKIE}=${session}; ${ATTRIBUTES}; Max-Age=${SESSION_MS / 1_000}`;
    return reply.code(204).header("set-cookie", cookie).send();
  });
  app.delete("/admin/session", (_, reply) =>
    reply.code(204).header("set-cookie", `${SESSION_COOKIE}=; ${ATTRIBUTES}; Max-Age=0`).send(),
  );
}
