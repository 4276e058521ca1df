import { DIRECT, directContender, hold, peerContender, present, tryPortkey } from "../lib/contest.ts";
import type { Case } from "../lib/context.ts";
import { answerFileOf, startGrpcFloor, undiciAlone } from "../lib/floors.ts";
import { throughput } from "../lib/rounds.ts";
import { startSubject } from "../lib/subject.ts";
import { completeOnceOverGrpc } from "../lib/workloads.ts";

const SERIES = "bare grpc-js and undici";
const UNDICI = "undici alone";
const WHAT = "CompleteOnce, native gRPC";
const NAME = "complete-once";
const AT_ONCE = 64;

export const completeOnceCase: Case = {
  name: NAME,
  about: "CompleteOnce over native gRPC against Portkey, and against grpc-js with undici behind it",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const streamed = `${context.upstream}/short/v1`;
    const whole = `${context.upstream}/whole/v1`;
    const subject = await startSubject({ upstream: streamed, databaseUrl: await context.createDatabase() });
    stack.defer(() => subject.stop());
    const request = completeOnceOverGrpc(subject.grpcUrl);
    const url = `${streamed}/chat/completions`;
    const series = await startGrpcFloor("once", await answerFileOf(request), url);
    stack.defer(() => series.stop());
    const portkey = await tryPortkey(context, NAME, stack);
    const shape = context.shape(16, AT_ONCE / 16);
    const at = { case: NAME, what: WHAT, upstream: whole, stream: false, atOnce: AT_ONCE };
    const references = present([
      await throughput(SERIES, completeOnceOverGrpc(`http://127.0.0.1:${series.port}`), shape, series.pid),
      undiciAlone(UNDICI, url, AT_ONCE, shape.seconds),
      await peerContender(portkey, context, at),
      await directContender(context, { ...at, upstream: streamed }),
    ]);
    return await hold(
      {
        case: NAME,
        what: WHAT,
        subject: await throughput("subject", request, shape, subject.pid),
        references,
        comparisons: [
          { reference: "Portkey", target: { atLeast: 3 } },
          { reference: SERIES, target: { atLeast: 0.6 } },
          { reference: UNDICI },
          { reference: DIRECT },
        ],
      },
      context,
    );
  },
};
