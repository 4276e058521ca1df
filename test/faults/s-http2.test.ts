/**
 * S23. The service speaks HTTP/1.1 to providers and nothing else, so a session with many streams cannot die under it. What
 * is left of the fault: a provider that speaks only HTTP/2 is refused cleanly, and a kept connection that the provider
 * closes at the wrong moment, which is what GOAWAY and REFUSED_STREAM are in HTTP/1.1, costs nobody an answer.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FALLBACK, type Rig, startRig } from "./rig/rig.ts";
import { trial } from "./rig/trial.ts";
import { AUTHORITY, CERTIFICATES } from "./rig/upstreams.ts";

let rig: Rig;
const servers: Http2Server[] = [];
let http2Streams = 0;

async function listen(server: Http2Server): Promise<number> {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", () => {
    http2Streams += 1;
  });
  server.once("close", () => {
    for (const session of sessions) session.destroy();
  });
  server.on("sessionError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  const secured = {
    key: readFileSync(new URL("good.key.pem", CERTIFICATES)),
    cert: readFileSync(new URL("good.cert.pem", CERTIFICATES)),
    allowHTTP1: false,
  };
  rig = await startRig({
    providers: async () => ({
      plain: `http://127.0.0.1:${await listen(createServer())}/v1`,
      secure: `https://localhost:${await listen(createSecureServer(secured))}/v1`,
    }),
    env: { NODE_EXTRA_CA_CERTS: fileURLToPath(AUTHORITY) },
  });
});
afterAll(async () => {
  await rig?.stop();
  for (const server of servers) server.close();
});

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  it.each(["plain", "secure"])(
    "S23 a provider that speaks only HTTP/2 (%s): refused cleanly, the next provider answers",
    async (provider) => {
      const ask = () => ({ model: `${provider}/model-${concurrency}` });
      const { heard } = await trial(rig, concurrency, ask, { ledger: "fewer" });
      for (const { served, failureClasses } of heard) {
        expect(served).toBe(FALLBACK);
        for (const failure of failureClasses) expect(["connection", "protocol"]).toContain(failure);
      }
      expect(http2Streams).toBe(0);
    },
  );

  it("S23 kept connections that are closed under the next requests: asked again on fresh ones", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.proxied());
    const ask = (index: number) => ({ model: targets[index] });
    rig.proxy.plan(({ nth }) => ({ kind: nth === 2 ? "reset" : "pass" }));
    await trial(rig, concurrency, ask);
    const { heard } = await trial(rig, concurrency, ask, { ledger: "fewer" });
    for (const { completed, asked, failureClasses } of heard) {
      expect([completed !== undefined, asked.length, failureClasses]).toEqual([true, 2, ["connection"]]);
    }
    if (concurrency === 1) expect(heard[0]?.served).toBe(targets[0]);
  });

  it("S23 a connection that dies inside an answer is not used again: the next calls are served", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.proxied());
    rig.proxy.plan(({ nth }) =>
      nth === 1 ? { kind: "cut_after", bytes: 9_000, by: "reset" } : { kind: "pass" },
    );
    const ask = (index: number) => ({ model: targets[index], prompt: "Say hello [tokens=60]" });
    await trial(rig, concurrency, ask, { ledger: "usage lost" });
    const { heard } = await trial(rig, concurrency, ask);
    heard.forEach(({ served, asked }, index) => {
      expect([served, asked]).toEqual([targets[index], [targets[index]]]);
    });
  });
});
