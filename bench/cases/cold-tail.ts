import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { Case } from "../lib/context.ts";
import { ratioRow } from "../lib/results.ts";
import { median } from "../lib/stats.ts";
import { startSubject } from "../lib/subject.ts";
import { onceRequest } from "../lib/workloads.ts";

/** Calls before each silence; the later half of them counts as warm. */
const WARM_CALLS = 100;

export const coldTailCase: Case = {
  name: "cold-tail",
  about: "the first call after a silence against a warm one, upstream of 50 ms",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const upstream = `${context.paced}/late/v1`;
    const subject = await startSubject({ upstream, databaseUrl: await context.createDatabase() });
    stack.defer(() => subject.stop());
    const client = createClient(RouterService, createGrpcTransport({ baseUrl: subject.grpcUrl }));
    const callMs = async () => {
      const startedMs = performance.now();
      await client.completeOnce(onceRequest());
      return performance.now() - startedMs;
    };
    const cold: number[] = [];
    const warm: number[] = [];
    for (let round = 0; round < context.options.rounds; round += 1) {
      const calls: number[] = [];
      for (let call = 0; call < WARM_CALLS; call += 1) calls.push(await callMs());
      warm.push(median(calls.slice(WARM_CALLS / 2)));
      await sleep(context.options.idleSeconds * 1_000);
      cold.push(await callMs());
    }
    return [
      ratioRow({
        case: "cold-tail",
        what: `first call after ${context.options.idleSeconds} s of silence`,
        subject: "Modeltier, cold",
        reference: "Modeltier, warm",
        figureUnit: "ms",
        subjectValues: cold,
        referenceValues: warm,
        target: { atMost: 1.3 },
      }),
    ];
  },
};
