/** What an HTTP listener serves beside the RPCs: signs of life, and of metrics, admin page and OpenAI's API what belongs on it. */
import type { FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import type { Access } from "../access/access.ts";
import { addAdminPage } from "../admin/page.ts";
import type { ChatDeps } from "../openai-api/chat-completions.ts";
import { addOpenAiApi } from "../openai-api/routes.ts";
import { addSessions } from "../rpc/admin-sessions.ts";

export type HttpPart = "metrics" | "admin" | "openai";

export type HttpRoutesDeps = Readonly<{
  /** As Prometheus reads them. */
  renderMetrics: () => Promise<string>;
  /** What keeps the service from taking calls; undefined when nothing does. */
  findObstacle: () => string | undefined;
  /** What an operator should know of a service that takes calls all the same. */
  listDetails: () => readonly string[];
  openAi: ChatDeps;
  access: Pick<Access, "issueSession">;
}>;

export function addHttpRoutes(
  app: FastifyInstance,
  parts: ReadonlySet<HttpPart>,
  { renderMetrics, findObstacle, listDetails, openAi, access }: HttpRoutesDeps,
): void {
  let render: Promise<string> | undefined;
  /** Scrapes that come together share one rendering. */
  const metrics = (): Promise<string> => {
    render ??= renderMetrics().finally(() => {
      render = undefined;
    });
    return render;
  };
  app.get("/healthz", (_, reply) => reply.send({ status: "alive" }));
  app.get("/readyz", (_, reply) => {
    const obstacle = findObstacle();
    return obstacle === undefined
      ? reply.send(readyAs(listDetails()))
      : reply.code(503).send({ status: "not ready", reason: obstacle });
  });
  if (parts.has("metrics")) {
    app.get("/metrics", async (_, reply) =>
      reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await metrics()),
    );
  }
  if (parts.has("admin")) {
    addAdminPage(app);
    addSessions(app, access);
  }
  if (parts.has("openai")) addOpenAiApi(app, openAi);
}

const readyAs = (details: readonly string[]) =>
  details.length === 0 ? { status: "ready" } : { status: "ready", details };
