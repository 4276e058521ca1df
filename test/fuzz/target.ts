/** The real service in a process of its own, and what must hold of it after whatever it was sent. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { RoutingConfig } from "../../gen/modeltier/v1/routing_config_pb.js";
import { RouteRequestSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { holdsWithin } from "../faults/rig/rig.ts";
import { sumOf } from "../faults/rig/scrape.ts";
import { type RunningService, startService } from "../support/service.ts";

/** Generous: how soon is no part of what is promised here. */
const WELL_WITHIN_MS = 30_000;
/** What a process that died wrote last may come after it is gone. */
const LAST_WORDS_MS = 500;
/** What a healthy call may hear when the fuzzing itself set a budget or published a configuration. */
const REFUSALS: readonly Code[] = [Code.ResourceExhausted, Code.FailedPrecondition];
/** The service's words for a failure that nobody foresaw, and those of the runtime. */
const UNFORESEEN = /nobody foresaw|could not be answered|Unhandled|uncaught/i;

/** The key that every healthy call has, and most of the spoilt ones: what gets in can do more harm. */
export const ADMIN = "the-admin-token-of-the-fuzzing";

export class Target {
  #service: RunningService | undefined;
  #readTo = 0;

  /** The service; started, or started again when the last one has died. */
  async service(): Promise<RunningService> {
    if (this.#service !== undefined && !isAlive(this.#service.pid)) await this.stop();
    if (this.#service === undefined) {
      this.#service = await startService({
        env: { MODELTIER_SANDBOX_TOKENS_PER_SECOND: "100000", MODELTIER_ADMIN_TOKEN: ADMIN },
      });
      this.#readTo = 0;
    }
    return this.#service;
  }

  /**
   * The process lives, said nothing that it should not, answers another caller, and holds nothing of the calls before. A service of
   * which that does not hold is let go, so that the next input meets a new one.
   */
  async checkWell(): Promise<void> {
    const service = this.#service;
    assert.ok(service !== undefined, "the service was started");
    try {
      await this.#check(service);
    } catch (error) {
      await this.stop("SIGKILL");
      throw error;
    }
  }

  async #check(service: RunningService): Promise<void> {
    try {
      await checkAnswers(service);
      const isBack = await holdsWithin(WELL_WITHIN_MS, async () => isIdle(await metricsOf(service)));
      assert.ok(isBack, "calls in flight go back to 0");
    } catch (error) {
      await sleep(LAST_WORDS_MS);
      if (isAlive(service.pid)) throw error;
    }
    if (!isAlive(service.pid)) {
      await sleep(LAST_WORDS_MS);
      assert.fail(`the process has died: ${service.output().stderr.slice(-2_000)}`);
    }
    this.#checkOutput(service);
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#service?.stop(signal);
    this.#service = undefined;
  }

  /** Whole lines only: the rest of one that is being written comes with the next look. */
  #checkOutput({ output }: RunningService): void {
    const { stderr } = output();
    const end = stderr.lastIndexOf("\n") + 1;
    const lines = stderr.slice(this.#readTo, end).split("\n").slice(0, -1);
    this.#readTo = end;
    for (const line of lines) {
      assert.match(line, /^\{.*\}$/, `on stderr, and no line of the log: ${line}`);
      assert.doesNotMatch(line, UNFORESEEN);
    }
  }
}

export const AS_ADMIN = { headers: { authorization: `Bearer ${ADMIN}` } };

/** The configuration in force. */
export async function configIn({ grpcAddress }: RunningService): Promise<RoutingConfig> {
  const client = createClient(ConfigService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  const { config } = await client.getConfig({}, AS_ADMIN);
  if (config === undefined) throw new Error("there is no configuration");
  return config;
}

async function checkAnswers({ grpcAddress }: RunningService): Promise<void> {
  const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  const request = create(RouteRequestSchema, { agentId: "healthy" });
  try {
    const { decision } = await router.route(request, { timeoutMs: WELL_WITHIN_MS, ...AS_ADMIN });
    assert.ok(decision !== undefined, "a healthy call has its decision");
  } catch (error) {
    assert.ok(
      error instanceof ConnectError && REFUSALS.includes(error.code),
      `a healthy call failed: ${error}`,
    );
  }
}

const metricsOf = async ({ httpUrl }: RunningService): Promise<string> =>
  (await fetch(`${httpUrl}/metrics`, AS_ADMIN)).text();

function isIdle(page: string): boolean {
  assert.match(page, /^modeltier_calls_in_flight /m);
  return (
    sumOf(page, "modeltier_calls_in_flight") === 0 && sumOf(page, "modeltier_request_bytes_in_flight") === 0
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
