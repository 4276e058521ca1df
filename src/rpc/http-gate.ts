/** Stands before every route of the HTTP listener that is not an RPC. A route without a rule is not served. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Access } from "../access/access.ts";
import { AccessError, type Refusal } from "../access/access-error.ts";
import type { Identity } from "../access/types.ts";
import { httpRuleOf } from "./access-rules.ts";
import { HttpEvidence } from "./evidence.ts";

export const HTTP_STATUS: Readonly<Record<Refusal, number>> = {
  unauthenticated: 401,
  role_missing: 403,
  too_many_guesses: 429,
  keys_unknown: 503,
};

const IDENTITIES = new WeakMap<FastifyRequest, Identity>();

/** Of a request that was let in; undefined where nobody needs to be known. */
export const identityOfRequest = (request: FastifyRequest): Identity | undefined => IDENTITIES.get(request);

/** Call it before the routes are added. @throws Error, while they are added, for one that has no rule */
export function guardRoutes(app: FastifyInstance, access: Pick<Access, "admit">): void {
  app.addHook("onRoute", (route) => {
    for (const verb of [route.method].flat()) {
      const rule = httpRuleOf(verb, route.url);
      if (rule === "anyone") continue;
      route.onRequest = async (request: FastifyRequest) => {
        const identity = access.admit(rule, new HttpEvidence(request.raw));
        if (identity !== undefined) IDENTITIES.set(request, identity);
      };
    }
  });
  app.setErrorHandler((error, _, reply) => {
    if (!(error instanceof AccessError)) throw error;
    return reply.code(HTTP_STATUS[error.refusal]).headers(headersOf(error)).send({ error: error.message });
  });
}

export const headersOf = ({ refusal, retryAfterMs }: AccessError): Record<string, string> => ({
  ...(refusal === "unauthenticated" && { "www-authenticate": "Bearer" }),
  ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
});
