import { CompletionError } from "../completion/completion-error.ts";
import { CLASSIC, decisionOf, NO_NEEDS, stateWith, WHEN_ALL_WERE_SERVED } from "../routing/test-support.ts";
import type { Decision, ProviderState, RoutingConfig, RoutingRequest } from "../routing/types.ts";
import { DecisionTokens } from "./decision-tokens.ts";
import type { TokenCall } from "./resume.ts";

const SECRET = "a secret of at least thirty-two characters";
export const LIFETIME_MS = 300_000;
export const SERVED = stateWith({ today: WHEN_ALL_WERE_SERVED });

type World = { config: RoutingConfig; state: ProviderState; nowMs: number; hurry: () => boolean };

/** Tokens in a world that a test may change between Route and Complete. */
export function tokensIn(parts: Partial<World> = {}) {
  const world: World = {
    config: CLASSIC,
    state: SERVED,
    nowMs: 1_800_000_000_000,
    hurry: () => false,
    ...parts,
  };
  const tokens = new DecisionTokens({
    secret: SECRET,
    lifetimeMs: LIFETIME_MS,
    config: () => world.config,
    stateFor: () => world.state,
    health: {
      hurry: () => world.hurry(),
      findRetryAfterMs: (targets) => (targets.length > 0 ? 2_500 : undefined),
    },
    wallMs: () => world.nowMs,
  });
  const issue = (request: RoutingRequest): { token: string; decision: Decision } => {
    const decision = decisionOf(request, world.state, world.config);
    return { decision, token: tokens.issue(request, { decision, decisionId: "decision-1" }) };
  };
  const run = (token: string, call: Partial<TokenCall> = {}) =>
    tokens.resume(tokens.open(token), { chat: chat("Say hello"), needs: NO_NEEDS, sampling: {}, ...call });
  return { world, tokens, issue, run };
}

export const chat = (text: string): NonNullable<TokenCall["chat"]> => ({ texts: [text], attachmentBytes: 0 });

export function refusalOf(run: () => unknown): CompletionError {
  try {
    run();
  } catch (error) {
    if (error instanceof CompletionError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}
