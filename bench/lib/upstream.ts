/**
 * The static upstream: nginx where it is installed, otherwise a program of the bench. Both give the canned answers under
 * /whole/v1 (JSON), /short/v1 and /long/v1 (event streams, in one go).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { LONG_TOKENS, SHORT_TOKENS, streamedEvents, wholeAnswer } from "./answers.ts";
import { LOAD_CORE } from "./machine.ts";
import { AT_ONCE, startOwnProgram, startProgram, temporaryFolder } from "./processes.ts";

export type Upstream = Readonly<{
  /** "http://127.0.0.1:12345", to be followed by "/short/v1". */
  url: string;
  /** What answers, for the report. */
  kind: string;
  stop(): Promise<void>;
}>;

/** The answers by path. */
export const ANSWERS: Readonly<Record<string, string>> = {
  "/whole/v1/chat/completions": wholeAnswer(SHORT_TOKENS),
  "/short/v1/chat/completions": streamedEvents(SHORT_TOKENS).join(""),
  "/long/v1/chat/completions": streamedEvents(LONG_TOKENS).join(""),
};

export async function startStaticUpstream(): Promise<Upstream> {
  const version = spawnSync("nginx", ["-v"], { encoding: "utf8" });
  if (version.status === 0) return startNginx(version.stderr.trim().replace("nginx version: ", ""));
  const own = await startOwnProgram("paced-upstream", LOAD_CORE);
  return { url: `http://127.0.0.1:${own.port}`, kind: "the bench's own upstream", stop: own.stop };
}

async function startNginx(kind: string): Promise<Upstream> {
  const folder = temporaryFolder();
  const port = await freePort();
  for (const [path, body] of Object.entries(ANSWERS)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), body);
  }
  writeFileSync(join(folder, "nginx.conf"), configuration(folder, port));
  const command = ["nginx", "-p", folder, "-c", join(folder, "nginx.conf"), "-g", "daemon off;"];
  const program = await startProgram({ core: LOAD_CORE, command, ready: AT_ONCE });
  const url = `http://127.0.0.1:${port}`;
  await untilItAnswers(`${url}/whole/v1/chat/completions`);
  return { url, kind, stop: program.stop };
}

/** nginx refuses POST for a file with 405; sending that answer on to the same file serves it. */
const configuration = (folder: string, port: number): string => `
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  client_max_body_size 8m;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  tcp_nodelay on;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${folder};
    etag off;
    if_modified_since off;
    error_page 405 =200 $uri;
    location /whole/ { default_type application/json; }
    location / { default_type text/event-stream; }
  }
}
`;

/** A port that nobody has at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Waits until a POST is answered with 200. @throws after ten seconds */
export async function untilItAnswers(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(url, { method: "POST", headers, body: "{}" }).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.status === 200) return;
    if (tries === 200) throw new Error(`${url} does not answer: ${response?.status ?? "no connection"}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
