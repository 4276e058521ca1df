import {
  DIRECT,
  directContender,
  hold,
  peerContender,
  present,
  tryLiteLlm,
  tryPortkey,
} from "../lib/contest.ts";
import type { Case, Context } from "../lib/context.ts";
import type { Peer } from "../lib/peers.ts";
import type { Row } from "../lib/results.ts";
import { throughput } from "../lib/rounds.ts";
import { startSubject, TARGET } from "../lib/subject.ts";
import { chatOverHttp } from "../lib/workloads.ts";

const NAME = "chat";
const AT_ONCE = 64;

export const chatCase: Case = {
  name: NAME,
  about: "/v1/chat/completions, whole and streamed, against Portkey and LiteLLM",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const whole = `${context.upstream}/whole/v1`;
    const long = `${context.upstream}/long/v1`;
    const peers = present([
      await tryPortkey(context, NAME, stack),
      await tryLiteLlm(context, NAME, stack, [whole, long]),
    ]);
    const short = `${context.upstream}/short/v1`;
    return [
      ...(await runKind(context, peers, {
        what: "chat completion, whole",
        own: short,
        theirs: whole,
        stream: false,
      })),
      ...(await runKind(context, peers, {
        what: "chat completion, 100 tokens streamed",
        own: long,
        theirs: long,
        stream: true,
      })),
    ];
  },
};

type Kind = Readonly<{
  what: string;
  /** The service reads a stream whatever its caller wants, the others ask as they are asked. */
  own: string;
  theirs: string;
  stream: boolean;
}>;

async function runKind(context: Context, peers: readonly Peer[], kind: Kind): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const { what, own, theirs, stream } = kind;
  const subject = await startSubject({ upstream: own, databaseUrl: await context.createDatabase() });
  stack.defer(() => subject.stop());
  const request = chatOverHttp(`${subject.httpUrl}/v1`, { stream, model: TARGET });
  const at = { case: NAME, what, upstream: theirs, stream, atOnce: AT_ONCE };
  const gateways = [];
  for (const peer of peers) gateways.push(await peerContender(peer, context, at));
  return await hold(
    {
      case: NAME,
      what,
      subject: await throughput("subject", request, context.shape(AT_ONCE, 1), subject.pid),
      references: [...present(gateways), await directContender(context, { ...at, upstream: own })],
      comparisons: [
        { reference: "Portkey", target: { atLeast: 2 } },
        { reference: "LiteLLM", target: { atLeast: 10 } },
        { reference: DIRECT },
      ],
    },
    context,
  );
}
