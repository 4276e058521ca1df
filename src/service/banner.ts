/** What a person reads at the start: what answers, where to call, and a call to paste. */
import type { Role } from "../access/types.ts";
import type { Settings } from "../settings/settings.ts";

export type Running = Readonly<{
  settings: Settings;
  grpcPort: number;
  httpPort: number;
  metricsPort?: number;
  adminPort?: number;
  /** Absent: the real providers answer. */
  sandboxUrl?: string;
  engine: "postgres" | "pglite";
  /** Of the embedded database. */
  socketFolder?: string;
  /** What everybody may who reaches the ports, without a key; absent: nothing. */
  openTo?: Role;
  /** Targets past their retirement day, "provider/model". */
  retired: readonly string[];
}>;

const ROUTE = '{"agentId":"test-agent","intent":"INTENT_GENERATE","agentAis":{"combinedScore":5}}';

export function banner(running: Running): string {
  const { settings, grpcPort, httpPort, metricsPort, adminPort, sandboxUrl } = running;
  const host = reachable(settings.host);
  const privateHost = reachable(settings.privateHost);
  const scheme = settings.access.tls === undefined ? "http" : "https";
  return [
    firstLine(running),
    "",
    `  gRPC      ${host}:${grpcPort}`,
    `  HTTP      ${scheme}://${host}:${httpPort}   Connect, gRPC-Web, ${adminPort === undefined && metricsPort === undefined ? "/metrics, " : ""}/healthz, /readyz`,
    `  OpenAI    ${scheme}://${host}:${httpPort}/v1   for any client of OpenAI's API`,
    ...(adminPort === undefined
      ? []
      : [`  Admin     ${scheme}://${privateHost}:${adminPort}   the admin page and operators' RPCs`]),
    ...(metricsPort === undefined
      ? []
      : [`  Metrics   ${scheme}://${privateHost}:${metricsPort}   /metrics, /healthz, /readyz`]),
    ...(sandboxUrl === undefined ? [] : [`  Sandbox   ${sandboxUrl}/ledger`]),
    `  Database  ${database(running)}`,
    `  Access    ${access(running)}`,
    ...(running.retired.length === 0 ? [] : [`  Retired   ${running.retired.join(", ")}`]),
    "",
    "Try it:",
    "",
    `  curl -s ${scheme}://${host}:${httpPort}/modeltier.v1.RouterService/Route -H 'content-type: application/json' \\`,
    `    -d '${ROUTE}'`,
    "",
    `  npx buf curl --protocol grpc${scheme === "http" ? " --http2-prior-knowledge" : ""} \\`,
    `    -d '{"route":{"agentId":"test-agent","intent":"INTENT_SUMMARIZE"},"messages":[{"role":"ROLE_USER","parts":[{"text":"Say hello"}]}]}' \\`,
    `    ${scheme}://${host}:${grpcPort}/modeltier.v1.RouterService/Complete`,
    "",
    "ready",
    "",
  ].join("\n");
}

function firstLine({ settings, sandboxUrl }: Running): string {
  if (sandboxUrl !== undefined) {
    return "Modeltier runs against its sandbox: no model is called and nothing is billed. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or KIMI_API_KEY for real answers.";
  }
  const called = settings.providers.filter(({ apiKey, keyRequired }) => apiKey !== undefined || !keyRequired);
  const missing = settings.providers.filter((provider) => !called.includes(provider));
  const calls =
    called.length === 0
      ? "Modeltier runs, and no provider has a key"
      : `Modeltier runs and calls ${called.map(({ id }) => id).join(", ")}`;
  return `${calls}.${missing.map(({ id, keyVariables }) => ` ${id} has no key: set ${keyVariables[0]}.`).join("")}`;
}

function access({ openTo }: Running): string {
  if (openTo === undefined) return "by key, sent as authorization: Bearer mt_…";
  const who =
    openTo === "caller"
      ? "OPEN to every caller on this machine; the admin token guards the rest"
      : "OPEN: everyone on this machine may do everything";
  return `${who}. The first key ends that: npm run keys -- create --role admin`;
}

const database = ({ engine, settings, socketFolder }: Running): string =>
  engine === "postgres"
    ? "Postgres, from DATABASE_URL"
    : `embedded, in ${settings.dataDir}; read it with: psql -h ${socketFolder} -U postgres postgres`;

/** An address to call when the service listens on all of them. */
const reachable = (host: string): string => {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
};
