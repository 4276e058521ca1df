/** Who changed what for everyone: configurations, budgets and reloads in one log, and what a reload says that it did not do. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { ProviderService } from "../../gen/modeltier/v1/provider_service_pb.js";
import { copyCluster } from "../support/embedded-folder.ts";
import { type RunningService, startService } from "../support/service.ts";

const TOKEN = "t0ken";
const ADMIN = { headers: { authorization: `Bearer ${TOKEN}` } };

const clientsOf = ({ grpcAddress }: RunningService) => {
  const transport = createGrpcTransport({ baseUrl: `http://${grpcAddress}` });
  return {
    configs: createClient(ConfigService, transport),
    access: createClient(AccessService, transport),
    providers: createClient(ProviderService, transport),
  };
};

const asError = (asking: Promise<unknown>): Promise<ConnectError> =>
  asking.then(() => {
    throw new Error("it was not refused");
  }, ConnectError.from);

describe("the audit log", () => {
  let service: RunningService;
  let clients: ReturnType<typeof clientsOf>;
  const write = (text: string) => writeFileSync(join(service.dataDir, ".env"), text);
  beforeAll(async () => {
    service = await startService({ env: { MODELTIER_ADMIN_TOKEN: TOKEN }, inOwnFolder: true });
    clients = clientsOf(service);
  });
  afterAll(() => service?.stop());

  const entries = async (asked: Parameters<typeof clients.configs.listAuditEntries>[0] = {}) => {
    const { entries: found } = await clients.configs.listAuditEntries(asked, ADMIN);
    return found.map(({ action, author, subject }) => `${action} ${author}: ${subject}`);
  };

  it("has configurations, budgets and reloads, newest first, with who did it", async () => {
    const { configs, access, providers } = clients;
    const { config } = await configs.getConfig({}, ADMIN);
    await configs.publishConfig({ config, basedOn: 0n, author: "ana" }, ADMIN);
    const scope = { kind: { case: "global" as const, value: {} } };
    const budget = { budgetId: "all", scope, period: BudgetPeriod.DAY, limitTokens: 9_007_199_254_740_993n };
    await access.setBudget({ budget, author: "ben" }, ADMIN);
    await access.deleteBudget({ budgetId: "all" }, ADMIN);
    write("KIMI_API_KEY=k-1\n");
    expect((await providers.reloadProviders({ author: "cleo" }, ADMIN)).changed).toEqual(["kimi"]);
    await configs.rollbackConfig({ version: 0n }, ADMIN);
    expect(await entries()).toEqual([
      "config.rollback operator: config version 2",
      "providers.reload cleo: providers",
      "budget.delete operator: budget all",
      "budget.set ben: budget all",
      "config.publish ana: config version 1",
    ]);
    expect(await entries({ action: "budget" })).toHaveLength(2);
    const [reload] = (await configs.listAuditEntries({ action: "providers.reload" }, ADMIN)).entries;
    expect(JSON.parse(reload?.detailJson ?? "")).toMatchObject({ changed: ["kimi"] });
    expect(reload?.detailJson).not.toContain("k-1");
    const [set] = (await configs.listAuditEntries({ action: "budget.set" }, ADMIN)).entries;
    expect(JSON.parse(set?.detailJson ?? "")).toMatchObject({
      before: null,
      after: { period: "day", limit_tokens: "9007199254740993" },
    });
    expect(Number(set?.createdAt?.seconds)).toBeCloseTo(Date.now() / 1000, -2);
  });

  it("is given page by page, to operators only, and names what is asked wrongly", async () => {
    const { configs } = clients;
    const all = await entries();
    const paged: string[] = [];
    for (let beforeEntryId: bigint | undefined; beforeEntryId !== 0n; ) {
      const page = await configs.listAuditEntries(
        { pageSize: 2, ...(beforeEntryId && { beforeEntryId }) },
        ADMIN,
      );
      paged.push(...page.entries.map(({ action, author, subject }) => `${action} ${author}: ${subject}`));
      beforeEntryId = page.nextBeforeEntryId;
    }
    expect(paged).toEqual(all);
    expect(await asError(configs.listAuditEntries({}))).toMatchObject({ code: Code.Unauthenticated });
    const wrong = await asError(configs.listAuditEntries({ pageSize: 201 }, ADMIN));
    expect(wrong.message).toContain("page_size is 201");
    const overHttp = createClient(
      ConfigService,
      createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" }),
    );
    expect((await overHttp.listAuditEntries({}, ADMIN)).entries).toHaveLength(all.length);
  });

  it("has no entry of what was refused", async () => {
    const { access, providers, configs } = clients;
    const before = await entries();
    write("KIMI_API_KEY=k-1\nMODELTIER_PROVIDERS=ollama\n");
    expect((await asError(providers.reloadProviders({}, ADMIN))).message).toContain("OLLAMA_BASE_URL");
    await asError(access.deleteBudget({ budgetId: "nobody" }, ADMIN));
    await asError(access.setBudget({ budget: { budgetId: "x" } }, ADMIN));
    await asError(configs.publishConfig({ config: {}, basedOn: 2n }, ADMIN));
    const long = await asError(providers.reloadProviders({ author: "x".repeat(257) }, ADMIN));
    expect(long.message).toContain("author has 257 characters");
    const nul = await asError(access.deleteBudget({ budgetId: "all", author: "a\0b" }, ADMIN));
    expect(nul.message).toContain("author holds a NUL character");
    expect(await entries()).toEqual(before);
  });
});

describe("a reload", () => {
  const KEYS = "KIMI_API_KEY=k-1\nANTHROPIC_API_KEY=a-1\nOPENAI_API_KEY=o-1\n";
  const OLLAMA = "MODELTIER_PROVIDERS=ollama\nOLLAMA_BASE_URL=http://127.0.0.1:9/v1\n";
  const TIER = "MODELTIER_TIER_FAST=kimi/kimi-k2-0905-preview,ollama/llama\n";
  const dataDir = mkdtempSync(join(tmpdir(), "mt-"));
  let service: RunningService;
  let clients: ReturnType<typeof clientsOf>;
  const reload = async (text: string) => {
    writeFileSync(join(dataDir, ".env"), text);
    return (await clients.providers.reloadProviders({})).warnings;
  };
  beforeAll(async () => {
    await copyCluster(dataDir);
    writeFileSync(join(dataDir, ".env"), KEYS + OLLAMA + TIER);
    service = await startService({ dataDir, inOwnFolder: true });
    clients = clientsOf(service);
  });
  afterAll(async () => {
    await service?.stop();
    rmSync(dataDir, { recursive: true });
  });

  it("says nothing when it took all that changed", async () => {
    expect(await reload(KEYS.replace("k-1", "k-2") + OLLAMA + TIER)).toEqual([]);
  });

  it("says what it did not take, whose key is gone, and which target is passed over now", async () => {
    expect(await reload(`KIMI_API_KEY=k-2\nOPENAI_API_KEY=o-1\n${OLLAMA}${TIER}LOG_LEVEL=debug\n`)).toEqual([
      "LOG_LEVEL changed: a reload takes keys and base URLs only; restart for it",
      "anthropic has no key: set ANTHROPIC_API_KEY",
    ]);
    expect(await reload(KEYS)).toEqual([
      "MODELTIER_TIER_FAST changed: a reload takes keys and base URLs only; restart for it",
      "tiers.fast.targets[1] is passed over: ollama is gone; name it in MODELTIER_PROVIDERS, or publish without it",
    ]);
  });

  it("says that a published version wins over what changed", async () => {
    const { config } = await clients.configs.getConfig({});
    await clients.configs.publishConfig({ config, basedOn: 0n });
    expect(await reload(`${KEYS}${OLLAMA}${TIER}MODELTIER_HEDGING=true\n`)).toEqual([
      "MODELTIER_HEDGING changed: version 1 is published and wins over it; publish what it should say",
    ]);
    const { parts } = await clients.configs.getConfig({});
    const overridden = parts.flatMap(({ overriddenVariables }) => overriddenVariables);
    expect(overridden, "of those that were set at the start").toEqual(["MODELTIER_TIER_FAST"]);
  });
});

describe("without the database", () => {
  it("a reload takes the keys, and says that nobody noted it; the log cannot be read", async () => {
    const env = { DATABASE_URL: "postgres://127.0.0.1:1/none", MODELTIER_SANDBOX: "false" };
    const alone = await startService({ env, inOwnFolder: true });
    const { providers, configs } = clientsOf(alone);
    writeFileSync(join(alone.dataDir, ".env"), "KIMI_API_KEY=k-1\n");
    const { changed, warnings } = await providers.reloadProviders({ author: "ana" });
    const unread = await asError(configs.listAuditEntries({}));
    await alone.stop();
    expect(changed).toEqual(["kimi"]);
    expect(warnings.at(-1)).toBe("the reload is not in the audit log: the database does not answer");
    expect(unread.code).toBe(Code.Unavailable);
    expect(alone.output().stderr).toMatch(
      /could not be noted in the audit log.*"author":"ana"|"author":"ana".*could not be noted/,
    );
  });
});
