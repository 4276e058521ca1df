import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { Case } from "../lib/context.ts";
import { seed, withClient } from "../lib/database.ts";
import { ratioRow } from "../lib/results.ts";
import { runRounds, throughput } from "../lib/rounds.ts";
import { checkSample } from "../lib/sample-check.ts";
import { startSubject } from "../lib/subject.ts";
import { completeOnceOverGrpc, onceRequest } from "../lib/workloads.ts";

const NAME = "growth";
/** Sessions that are under way, each of an agent of its own. */
const SESSIONS = 10_000;
const AT_ONCE = 64;

/** One call of each session, so that the service knows them all when it is measured. */
async function openSessions(grpcUrl: string): Promise<void> {
  const client = createClient(RouterService, createGrpcTransport({ baseUrl: grpcUrl }));
  let next = 0;
  const keepCalling = async () => {
    for (let session = next++; session < SESSIONS; session = next++) {
      const message = onceRequest();
      const routing = message.request?.routing;
      if (routing?.case !== "route") throw new Error("the request of the bench has no route");
      routing.value.agentId = `agent-${session}`;
      routing.value.sessionId = `session-${session}`;
      await client.completeOnce(message);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, keepCalling));
}

export const growthCase: Case = {
  name: NAME,
  about:
    "throughput with many executions stored, 10,000 agents and 10,000 live sessions, against an empty start",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const upstream = `${context.upstream}/short/v1`;
    const { growthRows, rounds } = context.options;
    const grownUrl = await context.createDatabase();
    const grown = await startSubject({ upstream, databaseUrl: grownUrl });
    stack.defer(() => grown.stop());
    await checkSample(completeOnceOverGrpc(grown.grpcUrl));
    context.say(`growth: storing ${growthRows} executions and as many attempts`);
    await withClient(grownUrl, (client) => seed(client, growthRows));
    await openSessions(grown.grpcUrl);
    const empty = await startSubject({ upstream, databaseUrl: await context.createDatabase() });
    stack.defer(() => empty.stop());
    const shape = context.shape(16, AT_ONCE / 16);
    const measured = await runRounds(
      [
        await throughput("grown", completeOnceOverGrpc(grown.grpcUrl), shape, grown.pid),
        await throughput("empty", completeOnceOverGrpc(empty.grpcUrl), shape, empty.pid),
      ],
      rounds,
    );
    return [
      ratioRow({
        case: NAME,
        what: `CompleteOnce with ${growthRows} executions and ${SESSIONS} sessions`,
        subject: "Modeltier",
        reference: "Modeltier, empty",
        figureUnit: "1/s",
        subjectValues: measured.values("grown"),
        referenceValues: measured.values("empty"),
        serverBusy: measured.busy("grown"),
        target: { atLeast: 0.95 },
      }),
    ];
  },
};
