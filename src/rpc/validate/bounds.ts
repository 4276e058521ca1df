/** What a call may hold, the same at every door. */

/** Of a tool, and of a schema. */
export const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
/** "provider/model"; the model's own name may hold more slashes. */
export const TARGET_NAME = /^[^/\s]+\/\S+$/;
export const IMAGE_TYPES: readonly string[] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** Both ends are taken. */
export const RANGES = {
  score: [0, 10],
  temperature: [0, 2],
  topP: [Number.MIN_VALUE, 1],
  maxOutputTokens: [1, 2 ** 31 - 1],
  /** Of feedback. */
  quality: [1, 5],
} as const;

/** The most of each in one call. */
export const MOST = {
  tools: 128,
  stops: 4,
  labels: 16,
  feedbackItems: 1_000,
  experimentArms: 8,
  experimentAgents: 100,
} as const;

/** The most characters of each. */
export const LONGEST = {
  agentId: 256,
  sessionId: 256,
  userTier: 64,
  modelName: 256,
  idempotencyKey: 256,
  labelKey: 64,
  labelValue: 256,
  executionId: 64,
  feedbackId: 128,
  experimentId: 64,
  experimentArm: 32,
  experimentDescription: 1_024,
  /** Of an API key. */
  keyName: 128,
  /** Of feedback. */
  comment: 4_000,
  /** A signature of reasoning, or reasoning that is encrypted. */
  reasoningSeal: 1_048_576,
} as const;
