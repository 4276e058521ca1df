/** X19: metrics and operators on ports of their own, and what the ports that callers reach serve then. */
import { networkInterfaces } from "node:os";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { runCli } from "../../src/cli/run.ts";
import { HTTP_RULES, ruleOf } from "../../src/rpc/access-rules.ts";
import { codeOf, DOORS, METHODS, nameOf, transportTo } from "../support/access.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { isThorough } from "./rig/thorough.ts";

const ADMIN = "the-admin-token-of-this-test";
const OWN_PORTS = {
  MODELTIER_ADMIN_TOKEN: ADMIN,
  MODELTIER_METRICS_PORT: "0",
  MODELTIER_ADMIN_PORT: "0",
};
const PAGE_AND_METRICS = Object.keys(HTTP_RULES)
  .filter((route) => /^GET \/(admin|metrics)/.test(route))
  .map((route) => route.replace("GET ", "").replace("/*", "/costs").replace(":name", "index.js"));
const FOR_OPERATORS = METHODS.filter((method) => ["operator", "admin"].includes(ruleOf(method)));

const statusOf = async (url: string, init?: RequestInit) => (await fetch(url, init)).status;

let service: RunningService;
beforeAll(async () => {
  service = await startService({ env: OWN_PORTS });
});
afterAll(() => service.stop());

describe("X19 with ports of their own for metrics and operators", () => {
  it("the port of callers has neither metrics nor the admin page, and still its signs of life and OpenAI's API", async () => {
    expect(PAGE_AND_METRICS).toContain("/metrics");
    for (const path of PAGE_AND_METRICS) expect(await statusOf(service.httpUrl + path), path).toBe(404);
    expect(await statusOf(`${service.httpUrl}/admin/session`, { method: "POST" })).toBe(404);
    for (const path of ["/healthz", "/readyz", "/v1/models"]) {
      expect(await statusOf(service.httpUrl + path), path).toBe(200);
    }
  });

  it.each(DOORS)("no RPC for operators is served to callers over %s, whoever asks", async (door) => {
    const transport = transportTo(service, door);
    expect(FOR_OPERATORS.length).toBeGreaterThan(15);
    for (const method of FOR_OPERATORS) {
      expect(await codeOf(transport, method, ADMIN), nameOf(method)).toBe(Code.Unimplemented);
    }
    const { decision } = await createClient(RouterService, transport).route({ agentId: "a" });
    expect(decision?.model).not.toBe("");
  });

  it("the admin port serves the page and every RPC, under the same rules, and no completions of OpenAI's API", async () => {
    const { adminUrl } = service;
    for (const path of ["/admin", "/healthz", "/readyz"]) {
      expect(await statusOf(adminUrl + path), path).toBe(200);
    }
    for (const path of ["/metrics", "/v1/models"]) expect(await statusOf(adminUrl + path), path).toBe(404);
    const transport = createConnectTransport({ baseUrl: adminUrl, httpVersion: "1.1" });
    for (const method of METHODS) {
      expect(await codeOf(transport, method, ADMIN), nameOf(method)).not.toBe(Code.Unimplemented);
    }
    for (const method of FOR_OPERATORS) {
      expect(await codeOf(transport, method, undefined), nameOf(method)).toBe(Code.Unauthenticated);
    }
  });

  it("the metrics' port serves metrics and signs of life, and no RPC", async () => {
    const { metricsUrl } = service;
    expect(await (await fetch(`${metricsUrl}/metrics`)).text()).toContain("modeltier_provider_calls_total");
    expect(await statusOf(`${metricsUrl}/readyz`)).toBe(200);
    expect(await statusOf(`${metricsUrl}/admin`)).toBe(404);
    const rpc = `${metricsUrl}/modeltier.v1.RouterService/Route`;
    expect(await statusOf(rpc, { method: "POST", body: "{}" })).toBe(404);
  });

  it("the command line asks the admin port with --protocol connect", async () => {
    const said: string[] = [];
    const terminal = {
      print: (line: string) => void said.push(line),
      say: (line: string) => void said.push(line),
      progress: () => undefined,
      read: async () => "",
    };
    const words = ["providers", "--address", service.adminUrl, "--protocol", "connect"];
    const code = await runCli(words, {
      environment: {},
      terminal,
      connect: ({ address, isHttp }) => {
        expect(isHttp).toBe(true);
        return createConnectTransport({
          baseUrl: address,
          httpVersion: "1.1",
          interceptors: [
            (next) => (request) => {
              request.header.set("authorization", `Bearer ${ADMIN}`);
              return next(request);
            },
          ],
        });
      },
    });
    expect(said.join("\n")).toContain("openai");
    expect(code).toBe(0);
  });
});

/** An address of this machine that is not a loopback one; undefined: it has none. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

describe("X19 the address of the private ports", () => {
  it.runIf(isThorough && outside !== undefined)(
    "is a loopback one, even where callers come from a network, unless it is named",
    async () => {
      const onNetwork = await startService({ env: { ...OWN_PORTS, MODELTIER_HOST: "0.0.0.0" } });
      try {
        const at = (url: string) => `http://${outside}:${new URL(url).port}/healthz`;
        expect(await statusOf(at(onNetwork.httpUrl))).toBe(200);
        await expect(fetch(at(onNetwork.adminUrl))).rejects.toThrow();
        await expect(fetch(at(onNetwork.metricsUrl))).rejects.toThrow();
      } finally {
        await onNetwork.stop();
      }
      const named = await startService({ env: { ...OWN_PORTS, MODELTIER_PRIVATE_HOST: "0.0.0.0" } });
      expect(await statusOf(`http://${outside}:${new URL(named.adminUrl).port}/healthz`)).toBe(200);
      await named.stop();
    },
  );

  it("on a network takes that somebody says who may call", async () => {
    const env = { MODELTIER_ADMIN_PORT: "0", MODELTIER_PRIVATE_HOST: "0.0.0.0" };
    await expect(startService({ env })).rejects.toThrow(
      /MODELTIER_PRIVATE_HOST is 0.0.0.0, which others can/,
    );
  });
});

describe.runIf(isThorough)("X19 several workers", () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  it("share the private ports as they share the others; with an admin port alone metrics are there", async () => {
    const { MODELTIER_METRICS_PORT: _, ...env } = OWN_PORTS;
    const several = await startService({
      env: { ...env, MODELTIER_WORKERS: "2", DATABASE_URL: await postgres.createDatabase() },
    });
    try {
      for (const _ of [1, 2, 3]) {
        expect(await statusOf(`${several.adminUrl}/metrics`, { headers: { connection: "close" } })).toBe(200);
        expect(await statusOf(`${several.httpUrl}/metrics`, { headers: { connection: "close" } })).toBe(404);
      }
    } finally {
      expect(await several.stop()).toBe(0);
    }
  });
});
