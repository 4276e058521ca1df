/** Answers a second of the service beside gateways, floors and the upstream itself, and the rows that come of it. */
import type { Context } from "./context.ts";
import { type Peer, startLiteLlm, startPortkey } from "./peers.ts";
import { type Row, ratioRow, type Target } from "./results.ts";
import { type Contender, type Rounds, runRounds, throughput } from "./rounds.ts";
import { chatOverHttp } from "./workloads.ts";

/** Direct is how much the upstream gives when nothing is between; a subject near it is held back by the upstream. */
export const DIRECT = "the upstream itself";
const NEAR_UPSTREAM = 0.7;

export type Comparison = Readonly<{ reference: string; target?: Target }>;

export type Contest = Readonly<{
  case: string;
  what: string;
  subject: Contender;
  references: readonly Contender[];
  /** One row each, for those whose reference took part. */
  comparisons: readonly Comparison[];
}>;

/** A reference that fails under the load is left out, with a line that says so; the subject must not fail. */
export async function hold(contest: Contest, context: Context): Promise<readonly Row[]> {
  const failed = new Set<string>();
  const guarded = contest.references.map(({ name, measure }) => ({
    name,
    measure: async () => {
      if (failed.has(name)) return NOTHING;
      return measure().catch((error: unknown) => {
        failed.add(name);
        context.skip(contest.case, `${contest.what} against ${name}`, messageOf(error));
        return NOTHING;
      });
    },
  }));
  const measured = await runRounds([contest.subject, ...guarded], context.options.rounds);
  const names = new Set(guarded.map(({ name }) => name));
  return contest.comparisons
    .filter(({ reference }) => names.has(reference) && !failed.has(reference))
    .map((comparison) => rowOf(contest, comparison, measured));
}

const NOTHING = { value: Number.NaN };

function rowOf(
  { case: name, what, subject }: Contest,
  { reference, target }: Comparison,
  measured: Rounds,
): Row {
  const row = ratioRow({
    case: name,
    what,
    subject: "Modeltier",
    reference,
    figureUnit: "1/s",
    subjectValues: measured.values(subject.name),
    referenceValues: measured.values(reference),
    serverBusy: measured.busy(subject.name),
    ...(target && { target }),
  });
  const heldBack = reference === DIRECT && row.values.some((share) => share > NEAR_UPSTREAM);
  return heldBack ? { ...row, note: "held back by the upstream" } : row;
}

/** A gateway's answers, or undefined and a line that says why there are none. */
export async function peerContender(
  peer: Peer | undefined,
  context: Context,
  at: Readonly<{ case: string; what: string; upstream: string; stream: boolean; atOnce: number }>,
): Promise<Contender | undefined> {
  if (peer === undefined) return undefined;
  const request = chatOverHttp(peer.url, {
    stream: at.stream,
    model: peer.modelFor(at.upstream),
    headers: peer.headersFor(at.upstream),
  });
  try {
    return await throughput(peer.name, request, context.shape(at.atOnce, 1), peer.pid);
  } catch (error) {
    context.skip(at.case, `${at.what} against ${peer.name}`, messageOf(error));
    return undefined;
  }
}

export const directContender = (
  context: Context,
  at: Readonly<{ upstream: string; stream: boolean; atOnce: number }>,
): Promise<Contender> =>
  throughput(
    DIRECT,
    chatOverHttp(at.upstream, { stream: at.stream, model: "gpt-4o-mini" }),
    context.shape(at.atOnce, 1),
  );

/** Undefined, and a line that says why, where it cannot be installed or does not start. */
export async function tryPortkey(context: Context, name: string, stack: AsyncDisposableStack) {
  return tryPeer(context, name, "Portkey", stack, startPortkey);
}

export async function tryLiteLlm(
  context: Context,
  name: string,
  stack: AsyncDisposableStack,
  upstreams: readonly string[],
) {
  return tryPeer(context, name, "LiteLLM", stack, () => startLiteLlm(upstreams));
}

async function tryPeer(
  context: Context,
  name: string,
  peerName: string,
  stack: AsyncDisposableStack,
  start: () => Promise<Peer>,
): Promise<Peer | undefined> {
  try {
    const peer = await start();
    stack.defer(() => peer.stop());
    context.versions.set(peer.name, peer.version);
    return peer;
  } catch (error) {
    context.skip(name, `against ${peerName}`, messageOf(error));
    return undefined;
  }
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n").slice(0, 3).join(" ").slice(0, 300);

export const present = <T>(values: readonly (T | undefined)[]): readonly T[] =>
  values.filter((value) => value !== undefined);
