/** The operators' page over HTTP: the files that `vite build` left in dist/, and nothing else of the disk. */
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { fileOf } from "../files.ts";

const DIST = fileOf("src/admin/dist/");

/** Nothing inline, nothing from elsewhere, no sink that takes text for code. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const NOT_BUILT = "The admin page has not been built. Run: node scripts/install.mjs\n";

/** Adds /admin, every address below it (the page reads it), and the files it loads. */
export function addAdminPage(app: FastifyInstance, dist: URL = DIST): void {
  const assets = listAssets(dist);
  app.get<{ Params: { name: string } }>("/admin/assets/:name", (request, reply) => {
    const { name } = request.params;
    reply.headers(HEADERS);
    return assets.has(name) ? sendAsset(request, reply, { dist, name, assets }) : reply.code(404).send();
  });
  const sendDocument = (_: FastifyRequest, reply: FastifyReply) => {
    reply.headers(HEADERS).header("cache-control", "no-store");
    if (assets.size === 0) return reply.code(503).type("text/plain; charset=utf-8").send(NOT_BUILT);
    return reply.type("text/html; charset=utf-8").send(readFileSync(new URL("index.html", dist)));
  };
  app.get("/admin", sendDocument);
  app.get("/admin/*", sendDocument);
}

type Asset = Readonly<{ dist: URL; name: string; assets: ReadonlySet<string> }>;

/** The name is one of the listed ones, so it leads nowhere else. It changes with the content: keep it for ever. */
function sendAsset({ headers }: FastifyRequest, reply: FastifyReply, { dist, name, assets }: Asset) {
  reply
    .header("cache-control", "public, max-age=31536000, immutable")
    .header("vary", "accept-encoding")
    .type(TYPES[extname(name)] ?? "application/octet-stream");
  const zipped = /\bgzip\b/.test(headers["accept-encoding"] ?? "") && assets.has(`${name}.gz`);
  if (zipped) reply.header("content-encoding", "gzip");
  return reply.send(readFileSync(new URL(`assets/${name}${zipped ? ".gz" : ""}`, dist)));
}

/** The files there are; none when the page was not built. */
function listAssets(dist: URL): ReadonlySet<string> {
  try {
    return new Set(readdirSync(fileURLToPath(new URL("assets/", dist))));
  } catch {
    return new Set();
  }
}
