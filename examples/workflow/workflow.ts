// Ten steps of one agent under one system prompt, in one session. Prints where each step went, what the provider's prompt
// cache saved, and the sum. Takes the address of the service, and a model that is to serve every step in place of the router's
// choice: npx node examples/workflow/workflow.ts [http://127.0.0.1:50051 [anthropic/claude-sonnet-5-5]]
import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type CompleteOnceResponse, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Intent, Tier } from "../../gen/modeltier/v1/routing_pb.js";

const [, , baseUrl = "http://127.0.0.1:50051", model = ""] = process.argv;
const router = createClient(RouterService, createGrpcTransport({ baseUrl }));

const HANDBOOK = [
  "You handle the claims of a small insurer. Follow this handbook to the letter and answer in plain words.",
  ...Array.from({ length: 110 }, (_, index) => {
    const rule = index + 1;
    return `Rule ${rule}. A claim of class ${rule} is settled within ${rule + 3} days if its evidence is complete; ask once for what is missing, name the paragraph of the policy that decides it, and pass it on when it exceeds ${rule * 250} dollars.`;
  }),
].join("\n");

type Step = Readonly<{ name: string; intent: Intent; task: string; minimumTier?: Tier }>;

const STEPS: readonly Step[] = [
  { name: "read the claim", intent: Intent.EXTRACT, task: "List who claims what, and when it happened." },
  { name: "check the policy", intent: Intent.VALIDATE, task: "Which rules apply? Is anything missing?" },
  { name: "add the history", intent: Intent.ENRICH, task: "Add what earlier claims of this customer show." },
  { name: "decide", intent: Intent.LLM_DECISION, task: "Accept, refuse or pass on? Give the reason." },
  { name: "draft a reply", intent: Intent.GENERATE, task: "Draft the reply to the customer." },
  { name: "note for the file", intent: Intent.SUMMARIZE, task: "Sum the case up in two lines." },
  {
    name: "write the letter",
    intent: Intent.GENERATE,
    task: "Write the letter that our lawyers will have to stand by.",
    minimumTier: Tier.POWERFUL,
  },
  { name: "check the letter", intent: Intent.VALIDATE, task: "Does the letter keep to the handbook?" },
  { name: "fill in the form", intent: Intent.TRANSFORM, task: "Fill in the payment form." },
  { name: "send", intent: Intent.SEND, task: "Write the one line that goes with the letter." },
];

const sessionId = randomUUID();

function runStep({ intent, name, task, minimumTier }: Step, before: string): Promise<CompleteOnceResponse> {
  const route = {
    agentId: "claims-desk",
    sessionId,
    intent,
    step: { name, prompt: task },
    agentAis: { combinedScore: 3 },
    constraints: { minimumTier, model },
  };
  const user = before === "" ? task : `The step before said: ${before}\n\n${task}`;
  const request = {
    routing: { case: "route" as const, value: route },
    messages: [
      { role: Role.SYSTEM, parts: [{ content: { case: "text" as const, value: HANDBOOK } }] },
      { role: Role.USER, parts: [{ content: { case: "text" as const, value: user } }] },
    ],
    sampling: { maxOutputTokens: 150 },
  };
  return router.completeOnce({ request });
}

const usd = (nanoUsd: bigint): string => (Number(nanoUsd) / 1e9).toFixed(6);
const row = (step: string, tier: string, target: string, ...numbers: readonly string[]): string =>
  [step.padEnd(18), tier.padEnd(9), target.padEnd(37), ...numbers.map((text) => text.padStart(10))].join(" ");

/** What the decision says of the cache, in a few words. */
function remark({ decision }: CompleteOnceResponse): string {
  const cache = decision?.cache;
  if (cache === undefined) return "";
  const sum = `leaving costs ${usd(cache.switchCostNanoUsd)}, saves ${usd(cache.savingNanoUsd)}`;
  if (!cache.kept) return `left: ${sum}`;
  return cache.savingNanoUsd === 0n ? "" : `stayed: ${sum}`;
}

console.log(row("step", "tier", "target", "input", "cached", "written", "cost $", "saved $"));
let before = "";
let cost = 0n;
let saved = 0n;
for (const step of STEPS) {
  const answer = await runStep(step, before);
  const { decision, completed } = answer;
  if (decision === undefined || completed === undefined) throw new Error("an answer without its account");
  const { usage, costNanoUsd, cacheSavingNanoUsd, provider } = completed;
  const numbers = [usage?.inputTokens, usage?.cachedInputTokens, usage?.cacheWriteTokens].map(String);
  const tier = Tier[decision.tier].toLowerCase();
  const money = [usd(costNanoUsd), usd(cacheSavingNanoUsd)];
  console.log(
    `${row(step.name, tier, `${provider}/${completed.model}`, ...numbers, ...money)}  ${remark(answer)}`.trimEnd(),
  );
  before = answer.text;
  cost += costNanoUsd;
  saved += cacheSavingNanoUsd;
}
console.log(row("total", "", "", "", "", "", usd(cost), usd(saved)));
console.log(`The prompt caches saved ${((100 * Number(saved)) / Number(cost + saved)).toFixed(1)} %.`);
