/** The cases in order, one after the other; what one cannot do is said and does not stop the others. */
import { chatCase } from "../cases/chat.ts";
import { coldTailCase } from "../cases/cold-tail.ts";
import { completeCase } from "../cases/complete.ts";
import { completeOnceCase } from "../cases/complete-once.ts";
import { decisionCase } from "../cases/decision.ts";
import { goodputCase } from "../cases/goodput.ts";
import { growthCase } from "../cases/growth.ts";
import { latencyCase } from "../cases/latency.ts";
import { memoryCase } from "../cases/memory.ts";
import { outageCase } from "../cases/outage.ts";
import { recordingCase } from "../cases/recording.ts";
import { routeCase, routeConnectCase } from "../cases/route.ts";
import { startCase } from "../cases/start.ts";
import { type Case, Context, type Options } from "./context.ts";
import type { Row, Skipped } from "./results.ts";

export const CASES: readonly Case[] = [
  decisionCase,
  routeCase,
  routeConnectCase,
  completeOnceCase,
  completeCase,
  chatCase,
  latencyCase,
  memoryCase,
  recordingCase,
  goodputCase,
  outageCase,
  growthCase,
  startCase,
  coldTailCase,
];

export type RunResult = Readonly<{
  rows: readonly Row[];
  skipped: readonly Skipped[];
  /** Of the gateways and of the upstream. */
  versions: Readonly<Record<string, string>>;
}>;

export async function runCases(cases: readonly Case[], options: Options): Promise<RunResult> {
  await using stack = new AsyncDisposableStack();
  const context = await Context.open(options, stack);
  context.say(`Upstream: ${context.upstreamKind}, and the bench's own where answers are paced or late`);
  const rows: Row[] = [];
  for (const one of cases) {
    context.say(`${new Date().toISOString().slice(11, 19)} ${one.name}: ${one.about}`);
    try {
      rows.push(...(await one.run(context)));
    } catch (error) {
      context.skip(one.name, "the whole case", error instanceof Error ? error.message : String(error));
    }
  }
  return {
    rows,
    skipped: context.skipped,
    versions: { upstream: context.upstreamKind, ...Object.fromEntries(context.versions) },
  };
}
