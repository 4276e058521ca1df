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

/** @throws when nothing answers */
function askReady({ host, httpPort: port, access: { tls } }: Settings): Promise<number | undefined> {
  const hostname = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const target = { hostname, port, path: "/readyz", timeout: WITHIN_MS };
  return new Promise((resolve, reject) => {
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
    request.on("response", (response) => resolve(response.resume().statusCode));
    request.on("timeout", () => request.destroy(new Error(`no answer within ${WITHIN_MS} ms`)));
    request.on("error", reject);
    request.end();
  });
}

/** A listener that wants another client's certificate than the service's own is there; more it does not tell us. */
const isAskedForCertificate = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  /^ERR_SSL_(TLSV1[13]_)?ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|CERTIFICATE_REVOKED)|^ERR_SSL_TLSV13_ALERT/.test(
    String(error.code),
  );

try {
  const status = await askReady(readSettings(readEnvironment(process.env, process.cwd()), process.cwd()));
  process.stdout.write(`${status === 200 ? "ready" : `not ready: status ${status}`}\n`);
  process.exitCode = status === 200 ? 0 : 1;
} catch (error) {
  const isThere = isAskedForCertificate(error);
  const reason = error instanceof Error ? error.message : String(error);
  process.stdout.write(
    isThere ? "it listens, and asks for a client certificate\n" : `not ready: ${reason}\n`,
  );
  process.exitCode = isThere ? 0 : 1;
}
