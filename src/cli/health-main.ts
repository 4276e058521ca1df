/**
 * Asks the service on this machine, which has the same environment, whether it takes calls. Ends with 0 when it does and with 1 when
 * it does not or is not there: for a container's health check, which may have no shell and no curl.
 */
import { readFileSync } from "node:fs";
import { request as overHttp } from "node:http";
import { request as overTls } from "node:https";
import { readEnvironment } from "../settings/environment.ts";
import { readSettings, type Settings } from "../settings/settings.ts";

const WITHIN_MS = 2_000;

/** What the probe heard: a status; or that a connection was made and then refused for the lack of a certificate. */
type Heard = Readonly<{ status: number | undefined }> | "wants_certificate";

/** @throws when nothing answers */
function askReady({ host, httpPort: port, access: { tls } }: Settings): Promise<Heard> {
  const hostname = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const target = { hostname, port, path: "/readyz", timeout: WITHIN_MS };
  return new Promise((resolve, reject) => {
    let isSecure = false;
    const request =
      tls === undefined
        ? overHttp(target)
        : overTls({
            ...target,
            // It is asked for by its address here, which its certificate need not name; nothing is sent that is secret.
            rejectUnauthorized: false,
            ...(tls.clientCaFile !== undefined && {
              cert: readFileSync(tls.certFile),
              key: readFileSync(tls.keyFile),
            }),
          });
    request.on("socket", (socket) =>
      socket.once("secureConnect", () => {
        isSecure = true;
      }),
    );
    request.on("response", (response) => resolve({ status: response.resume().statusCode }));
    request.on("timeout", () => request.destroy(new Error(`no answer within ${WITHIN_MS} ms`)));
    request.on("error", (error: NodeJS.ErrnoException) => {
      const isRefused = isSecure && tls?.clientCaFile !== undefined && tls.clientAuth === "require";
      // A listener that wants a client's certificate, and not the service's own, is there; more it does not tell us.
      if (isRefused && error.code !== undefined) resolve("wants_certificate");
      else reject(error);
    });
    request.end();
  });
}

const end = (isReady: boolean, said: string): void => {
  process.stdout.write(`${said}\n`);
  process.exitCode = isReady ? 0 : 1;
};

try {
  const heard = await askReady(readSettings(readEnvironment(process.env, process.cwd()), process.cwd()));
  if (heard === "wants_certificate") end(true, "it listens, and asks for a client certificate");
  else end(heard.status === 200, heard.status === 200 ? "ready" : `not ready: status ${heard.status}`);
} catch (error) {
  end(false, `not ready: ${error instanceof Error ? error.message : String(error)}`);
}
