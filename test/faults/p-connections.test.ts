/** P: providers that cannot be reached, or break the connection before they answer. */
import { fileURLToPath } from "node:url";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { latenessMs } from "./rig/lateness.ts";
import { FALLBACK, NO_FALLBACK, type Rig, startRig } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { trial } from "./rig/trial.ts";
import {
  AUTHORITY,
  type CertificateName,
  findClosedPort,
  startFullBacklog,
  startTls,
  type Upstream,
} from "./rig/upstreams.ts";

const CONNECT_LIMIT_MS = 3_000;

let rig: Rig;
const upstreams: Upstream[] = [];

async function openUpstreams({ url }: Sandbox): Promise<Readonly<Record<string, string>>> {
  const port = Number(new URL(url).port);
  const full = await startFullBacklog();
  upstreams.push(full);
  const https = async (name: CertificateName): Promise<string> => {
    const upstream = await startTls(name, port);
    upstreams.push(upstream);
    return `https://localhost:${upstream.port}/openai/v1`;
  };
  return {
    closed: `http://127.0.0.1:${await findClosedPort()}/v1`,
    full: `http://127.0.0.1:${full.port}/v1`,
    nxdomain: "http://nxdomain.test/v1",
    servfail: "http://servfail.test/v1",
    slow: "http://slow.test/v1",
    trusted: await https("good"),
    expired: await https("expired"),
    elsewhere: await https("wrong-host"),
    selfsigned: await https("self-signed"),
  };
}

beforeAll(async () => {
  rig = await startRig({
    providers: openUpstreams,
    env: {
      NODE_EXTRA_CA_CERTS: fileURLToPath(AUTHORITY),
      NODE_OPTIONS: `--import ${new URL("./rig/name-server.ts", import.meta.url)}`,
    },
  });
});
afterAll(async () => {
  await rig?.stop();
  await Promise.all(upstreams.map((upstream) => upstream.close()));
});

const UNSEEN = { ledger: "fewer" } as const;

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  it.each([
    ["reset", { kind: "reset" }],
    ["half-closed", { kind: "half_close" }],
    ["reset inside the headers", { kind: "cut_after", bytes: 40, by: "reset" }],
  ] as const)("P10 %s before the headers, once: a second attempt on a fresh socket", async (_, fault) => {
    rig.proxy.plan(({ nth }) => (nth === 1 ? fault : { kind: "pass" }));
    const targets = Array.from({ length: concurrency }, () => rig.proxied());
    const { heard } = await trial(rig, concurrency, (index) => ({ model: targets[index] }), {
      ledger: fault.kind === "cut_after" ? "usage lost" : "fewer",
    });
    for (const { completed, asked, failureClasses, resets } of heard) {
      expect(completed).toBeDefined();
      expect([asked.length, failureClasses, resets]).toEqual([2, ["connection"], 0]);
    }
    // Of fifty the retry budget lets some ask again; the others move on.
    if (concurrency === 1) expect(heard[0]?.asked).toEqual([targets[0], targets[0]]);
  });

  it("P13 a host that takes no connection: the next provider after 3 s, and no second try", async () => {
    const model = `full/model-${concurrency}`;
    const { heard } = await trial(rig, concurrency, () => ({ model }), UNSEEN);
    for (const { served, asked, failureClasses, elapsedMs } of heard) {
      expect([served, asked, failureClasses]).toEqual([FALLBACK, [model, FALLBACK], ["connect_timeout"]]);
      expect(elapsedMs).toBeGreaterThanOrEqual(CONNECT_LIMIT_MS - 100);
      expect(elapsedMs).toBeLessThanOrEqual(CONNECT_LIMIT_MS + latenessMs(concurrency));
    }
  });

  it.each([
    ["NXDOMAIN", "nxdomain", 1_000],
    ["SERVFAIL", "servfail", 1_000],
    ["a name server that takes 20 s", "slow", CONNECT_LIMIT_MS],
  ])("P14 %s: the next provider answers", async (_, provider, limitMs) => {
    const seen = await trial(rig, concurrency, () => ({ model: `${provider}/a-${concurrency}` }), UNSEEN);
    for (const { served, elapsedMs } of seen.heard) {
      expect(served).toBe(FALLBACK);
      expect(elapsedMs).toBeLessThanOrEqual(limitMs + latenessMs(concurrency));
    }
  });

  it("P14 NXDOMAIN and nothing else left: UNAVAILABLE, not INTERNAL", async () => {
    const ask = { model: `nxdomain/b-${concurrency}`, tier: NO_FALLBACK };
    const { heard } = await trial(rig, concurrency, () => ask, UNSEEN);
    for (const { error } of heard) {
      expect(error).toMatchObject({ code: Code.Unavailable, reason: "PROVIDER_UNREACHABLE" });
    }
  });

  it("P14 a refused connection: the next provider answers", async () => {
    const { heard } = await trial(rig, concurrency, () => ({ model: `closed/a-${concurrency}` }), UNSEEN);
    for (const { served } of heard) expect(served).toBe(FALLBACK);
  });

  it.each(["expired", "elsewhere", "selfsigned"])(
    "P15 TLS certificate (%s): never trusted, the next provider answers, an operator is called",
    async (provider) => {
      const model = `${provider}/model-${concurrency}`;
      const { heard, before, after } = await trial(rig, concurrency, () => ({ model }), UNSEEN);
      for (const { served, failureClasses } of heard) {
        expect(served).toBe(FALLBACK);
        expect(failureClasses.every((failure) => failure === "connection")).toBe(true);
      }
      const attempts = heard.reduce((sum, { failures }) => sum + failures.length, 0);
      const alerts = (page: string): number => sumOf(page, "modeltier_operator_needed_total", { provider });
      expect(attempts).toBeGreaterThanOrEqual(1);
      expect(alerts(after) - alerts(before)).toBe(attempts);
      expect(rig.service.output().stderr).toMatch(
        new RegExp(`"level":"error".*"model":"model-${concurrency}".*"the TLS handshake failed"`),
      );
    },
  );

  it("P15 TLS certificate that is in order: trusted", async () => {
    const model = `trusted/model-${concurrency}`;
    const { heard } = await trial(rig, concurrency, () => ({ model }));
    for (const { served } of heard) expect(served).toBe(model);
  });
});
