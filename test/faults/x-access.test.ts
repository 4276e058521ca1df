/** Who may do what: X09, X10, X12, X19. The cases come from the contract's descriptors, so that a new RPC is among them. */
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { OpenAI } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { FeedbackRefusal } from "../../gen/modeltier/v1/feedback_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { ROLES, type Role } from "../../src/access/types.ts";
import { listMatrix } from "../../src/rpc/access-matrix.ts";
import {
  accessOf,
  bearer,
  codeOf,
  DOORS,
  METHODS,
  makeKey,
  NOT_LET_IN,
  nameOf,
  refusalOf,
  transportTo,
} from "../support/access.ts";
import { rawClients } from "../support/raw-grpc.ts";
import { type RunningService, startService } from "../support/service.ts";

const ADMIN = "the-admin-token-of-this-test";
const MATRIX = new Map(listMatrix().map((row) => [row.what, row]));

let service: RunningService;
const keys = {} as Record<Role, { keyId: string; secret: string }>;
let other: { keyId: string; secret: string };

beforeAll(async () => {
  service = await startService({ env: { MODELTIER_ADMIN_TOKEN: ADMIN } });
  const access = accessOf(service);
  for (const role of ROLES) keys[role] = await makeKey(access, ADMIN, role);
  other = await makeKey(access, ADMIN, "caller", "another caller");
});
afterAll(() => service?.stop());

const ask = (agentId = "a") => ({
  request: {
    routing: { case: "route" as const, value: { agentId } },
    messages: [{ role: 2, parts: [{ content: { case: "text" as const, value: "hello" } }] }],
  },
});

describe("X09 a call without a key", () => {
  it("knows every RPC of the contract", () => {
    const { file } = fromBinary(
      FileDescriptorSetSchema,
      readFileSync(new URL("../../gen/modeltier.binpb", import.meta.url)),
    );
    const inContract = file.flatMap(({ package: name, service: services }) =>
      services.flatMap((one) => one.method.map((method) => `${name}.${one.name}/${method.name}`)),
    );
    expect(METHODS.map(nameOf).sort()).toEqual(inContract.sort());
    for (const name of inContract) expect(MATRIX.has(name), `${name} is in the matrix`).toBe(true);
  });

  it.each(DOORS)(
    "is UNAUTHENTICATED for every RPC over %s, without a key and with a wrong one",
    async (door) => {
      const transport = transportTo(service, door);
      for (const method of METHODS) {
        expect(await codeOf(transport, method, undefined), nameOf(method)).toBe(Code.Unauthenticated);
      }
      const [first] = METHODS;
      if (first === undefined) throw new Error("there is no RPC");
      for (const wrong of ["unused", `mt_${keys.caller.keyId}_${"A".repeat(43)}`]) {
        expect(await codeOf(transport, first, wrong), wrong).toBe(Code.Unauthenticated);
      }
    },
  );

  it("is let in for health checks, and not for watches or reflection", async () => {
    const { health, reflection } = rawClients(service.grpcAddress);
    expect(await health("Check")).toEqual({ status: "SERVING" });
    expect(await health("Watch")).toMatchObject({ code: Code.Unauthenticated });
    expect(await health("Watch", keys.caller.secret)).toEqual({ status: "SERVING" });
    expect(await reflection()).toMatchObject({ code: Code.Unauthenticated });
    expect(await reflection(keys.caller.secret)).toContain("modeltier.v1.RouterService");
  });

  it("gets 401 at every HTTP path but signs of life and the page's own files", async () => {
    const status = async (path: string, init: RequestInit = {}) =>
      (await fetch(`${service.httpUrl}${path}`, init)).status;
    const chat = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: "hi" }] }),
    };
    expect(await status("/v1/chat/completions", chat)).toBe(401);
    expect(await status("/v1/models")).toBe(401);
    expect(await status("/v1/models/auto")).toBe(401);
    expect(await status("/healthz")).toBe(200);
    expect(await status("/readyz")).toBe(200);
    expect(await status("/admin")).toBe(200);
    // No body is read for somebody who is not let in: what is wrong with it does not matter.
    expect(await status("/v1/chat/completions", { ...chat, body: "{" })).toBe(401);
  });

  it("is refused to the OpenAI SDK as its own service would, and let in with a key", async () => {
    const client = (apiKey: string) =>
      new OpenAI({ apiKey, baseURL: `${service.httpUrl}/v1`, maxRetries: 0 });
    const question = { model: "auto", messages: [{ role: "user" as const, content: "hello" }] };
    const wrong = client("unused").chat.completions.create(question);
    await expect(wrong).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(wrong).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
    const { choices } = await client(keys.caller.secret).chat.completions.create(question);
    expect(choices[0]?.message.content).not.toBe("");
    expect((await client(keys.caller.secret).models.list()).data.length).toBeGreaterThan(0);
  });
});

describe("X10 the role matrix", () => {
  it.each(DOORS.flatMap((door) => ROLES.map((role) => [role, door] as const)))(
    "holds for a key of role %s over %s, RPC by RPC",
    async (role, door) => {
      const transport = transportTo(service, door);
      for (const method of METHODS) {
        const isAllowed = MATRIX.get(nameOf(method))?.[role] !== "";
        const code = await codeOf(transport, method, keys[role].secret);
        if (isAllowed) expect(NOT_LET_IN, nameOf(method)).not.toContain(code);
        else expect(code, nameOf(method)).toBe(Code.PermissionDenied);
      }
    },
  );

  it("says which role is missing, for people and for programs", async () => {
    const error = await refusalOf(
      accessOf(service)
        .listBudgets({}, bearer(keys.caller.secret))
        .then(() => accessOf(service).setBudget({}, bearer(keys.caller.secret))),
    );
    expect(error.rawMessage).toBe("the role is caller, and this takes operator");
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe("ROLE_MISSING");
  });

  it("shows a caller its own executions and keys, and takes its feedback on those alone", async () => {
    const transport = transportTo(service, "grpc");
    const router = createClient(RouterService, transport);
    const analytics = createClient(AnalyticsService, transport);
    const feedback = createClient(FeedbackService, transport);
    const mine = (await router.completeOnce(ask(), bearer(keys.caller.secret))).completed?.executionId ?? "";
    const others = (await router.completeOnce(ask(), bearer(other.secret))).completed?.executionId ?? "";
    const idsFor = async (key: string) =>
      (await analytics.listExecutions({}, bearer(key))).executions.map(({ executionId }) => executionId);
    await expect.poll(() => idsFor(keys.operator.secret), { timeout: 10_000 }).toContain(others);
    await expect.poll(() => idsFor(keys.caller.secret), { timeout: 10_000 }).toContain(mine);
    expect(await idsFor(keys.caller.secret)).not.toContain(others);
    expect(await idsFor(other.secret)).toEqual([others]);
    expect(
      (await analytics.getExecution({ executionId: mine }, bearer(keys.caller.secret))).execution,
    ).toBeDefined();
    const stranger = analytics.getExecution({ executionId: others }, bearer(keys.caller.secret));
    expect((await refusalOf(stranger)).code).toBe(Code.NotFound);
    const told = { executionId: others, feedbackId: "f", success: true };
    expect((await refusalOf(feedback.recordFeedback(told, bearer(keys.caller.secret)))).code).toBe(
      Code.NotFound,
    );
    const own = { executionId: mine, feedbackId: "f", success: true };
    const { results } = await feedback.recordFeedbackBatch(
      { items: [told, own] },
      bearer(keys.caller.secret),
    );
    expect(results.map(({ error }) => error?.refusal)).toEqual([FeedbackRefusal.NOT_FOUND, undefined]);
    const streamed = (async function* () {
      yield { feedback: told };
      yield { feedback: own };
    })();
    expect(await feedback.streamFeedback(streamed, bearer(keys.caller.secret))).toMatchObject({
      refused: 1n,
      alreadyRecorded: 1n,
    });
    await feedback.recordFeedback(told, bearer(other.secret));
    const access = accessOf(service);
    const listed = async (key: string) =>
      (await access.listApiKeys({}, bearer(key))).apiKeys.map(({ keyId }) => keyId);
    expect(await listed(other.secret)).toEqual([other.keyId]);
    expect(await listed(keys.admin.secret)).toContain(other.keyId);
    expect(await access.getIdentity({}, bearer(other.secret))).toMatchObject({
      keyId: other.keyId,
      name: "another caller",
      isOpen: false,
    });
  });

  it("keeps one caller's idempotency key from another's answer", async () => {
    const router = createClient(RouterService, transportTo(service, "grpc"));
    const request = { request: { ...ask().request, idempotencyKey: "the-same" } };
    const first = await router.completeOnce(request, bearer(keys.caller.secret));
    const again = await router.completeOnce(request, bearer(keys.caller.secret));
    const others = await router.completeOnce(request, bearer(other.secret));
    expect(again.completed?.executionId).toBe(first.completed?.executionId);
    expect(others.completed?.executionId).not.toBe(first.completed?.executionId);
  });
});

describe("a budget of one key", () => {
  it("limits that key's calls at every door, and is all that its holder sees of budgets", async () => {
    const access = accessOf(service);
    const poor = await makeKey(access, ADMIN, "caller", "poor");
    const budget = {
      scope: { kind: { case: "keyId" as const, value: poor.keyId } },
      period: BudgetPeriod.TOTAL,
    };
    await access.setBudget({ budget: { ...budget, budgetId: "poor", limitTokens: 0n } }, bearer(ADMIN));
    const ofAnother = {
      scope: { kind: { case: "keyId" as const, value: other.keyId } },
      period: BudgetPeriod.TOTAL,
    };
    await access.setBudget(
      { budget: { ...ofAnother, budgetId: "others", limitTokens: 1_000_000n } },
      bearer(ADMIN),
    );
    for (const door of DOORS) {
      const router = createClient(RouterService, transportTo(service, door));
      const error = await refusalOf(router.completeOnce(ask(), bearer(poor.secret)));
      expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([
        Code.ResourceExhausted,
        "BUDGET_EXCEEDED",
      ]);
      expect((await refusalOf(router.route({ agentId: "a" }, bearer(poor.secret)))).code).toBe(
        Code.ResourceExhausted,
      );
      expect((await router.completeOnce(ask(), bearer(other.secret))).completed).toBeDefined();
    }
    const sdk = new OpenAI({ apiKey: poor.secret, baseURL: `${service.httpUrl}/v1`, maxRetries: 0 });
    const asked = sdk.chat.completions.create({
      model: "auto",
      messages: [{ role: "user", content: "hello" }],
    });
    await expect(asked).rejects.toMatchObject({ status: 429, code: "budget_exceeded" });
    const seen = async (key: string) =>
      (await access.listBudgets({}, bearer(key))).budgets.map(({ budget }) => budget?.budgetId);
    expect(await seen(poor.secret)).toEqual(["poor"]);
    expect(await seen(keys.operator.secret)).toEqual(["others", "poor"]);
  });

  it("has to name a key", async () => {
    const scope = { kind: { case: "keyId" as const, value: other.secret } };
    const budget = { budgetId: "b", scope, period: BudgetPeriod.DAY, limitTokens: 1n };
    const error = await refusalOf(accessOf(service).setBudget({ budget }, bearer(ADMIN)));
    expect(error.rawMessage).toMatch(/^budget.scope.key_id is not the id of a key/);
    expect(error.rawMessage).not.toContain(other.secret);
  });

  it.each(DOORS)("has to name one that there is and that holds, over %s", async (door) => {
    const access = accessOf(service, door);
    const revoked = await makeKey(access, ADMIN, "caller", "revoked");
    await access.revokeApiKey({ keyId: revoked.keyId }, bearer(ADMIN));
    for (const keyId of ["0123456789abcdef", revoked.keyId]) {
      const scope = { kind: { case: "keyId" as const, value: keyId } };
      const budget = { budgetId: "of-nobody", scope, period: BudgetPeriod.DAY, limitTokens: 1n };
      const error = await refusalOf(access.setBudget({ budget }, bearer(ADMIN)));
      const [field] = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
      expect(error.code).toBe(Code.InvalidArgument);
      expect(field?.field).toMatch(/^budget\.scope\.key_?id$/i);
      expect(field?.description).toMatch(/no key.*revoked.*ListApiKeys/);
      const limits = await refusalOf(access.setApiKeyLimits({ keyId, limits: {} }, bearer(ADMIN)));
      expect([limits.code, limits.rawMessage]).toEqual([
        Code.NotFound,
        expect.stringMatching(/^key_id is .*revoked.*ListApiKeys/),
      ]);
    }
    const { budgets } = await access.listBudgets({}, bearer(ADMIN));
    expect(budgets.map(({ budget }) => budget?.budgetId)).not.toContain("of-nobody");
  });
});

describe("X12 guessing keys", () => {
  it("is slowed down for its source and key, told when to come back, and no bother to others there", async () => {
    const alone = await startService({ env: { MODELTIER_ADMIN_TOKEN: ADMIN } });
    try {
      const { secret } = await makeKey(accessOf(alone), ADMIN, "caller");
      const router = createClient(RouterService, transportTo(alone, "grpc"));
      await router.route({ agentId: "a" }, bearer(secret));
      const codes: (Code | undefined)[] = [];
      for (let guess = 0; guess < 40; guess += 1) {
        const text = `mt_${"0".repeat(16)}_${String(guess).padStart(43, "x")}`;
        codes.push((await refusalOf(router.route({ agentId: "a" }, bearer(text)))).code);
      }
      expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => Code.Unauthenticated));
      expect(codes.at(-1)).toBe(Code.ResourceExhausted);
      const guess = `mt_${"0".repeat(16)}_${"y".repeat(43)}`;
      const error = await refusalOf(router.route({ agentId: "a" }, bearer(guess)));
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBeGreaterThanOrEqual(0n);
      expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe("TOO_MANY_WRONG_KEYS");
      const http = await fetch(`${alone.httpUrl}/v1/models`, bearer(guess));
      expect(http.status).toBe(429);
      expect(Number(http.headers.get("retry-after"))).toBeGreaterThan(0);
      const neighbour = await makeKey(accessOf(alone), ADMIN, "caller", "neighbour");
      for (const key of [secret, neighbour.secret]) await router.route({ agentId: "a" }, bearer(key));
    } finally {
      await alone.stop();
    }
  });

  it("leaves no key in what is printed, logged, stored or measured", async () => {
    const { stdout, stderr } = service.output();
    const metrics = await (await fetch(`${service.httpUrl}/metrics`)).text();
    const listed = JSON.stringify(
      (await accessOf(service).listApiKeys({ includeEnded: true }, bearer(ADMIN))).apiKeys,
      (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
    );
    for (const { keyId, secret } of [...Object.values(keys), other]) {
      const tail = secret.split("_").slice(2).join("_");
      for (const text of [stdout, stderr, metrics, listed]) expect(text).not.toContain(tail);
      expect(metrics).not.toContain(keyId);
    }
  });
});

describe("X19 metrics", () => {
  it("can be read from this machine, and with a token of their own only with that or as an operator", async () => {
    expect((await fetch(`${service.httpUrl}/metrics`)).status).toBe(200);
    const guarded = await startService({ env: { MODELTIER_METRICS_TOKEN: "scrape-me" } });
    try {
      const status = async (init: RequestInit = {}) =>
        (await fetch(`${guarded.httpUrl}/metrics`, init)).status;
      expect(await status()).toBe(401);
      expect(await status(bearer("wrong"))).toBe(401);
      expect(await status(bearer("scrape-me"))).toBe(200);
      const access = accessOf(guarded);
      const admin = (await makeKey(access, "", "admin")).secret;
      const caller = (await makeKey(access, admin, "caller")).secret;
      expect(await status(bearer(admin))).toBe(200);
      expect(await status(bearer(caller))).toBe(403);
      // The metrics' token opens nothing else.
      const router = createClient(
        RouterService,
        createGrpcTransport({ baseUrl: `http://${guarded.grpcAddress}` }),
      );
      expect((await refusalOf(router.route({ agentId: "a" }, bearer("scrape-me")))).code).toBe(
        Code.Unauthenticated,
      );
    } finally {
      await guarded.stop();
    }
  });
});
