/** For every field of a configuration: a change of it, and where that is seen. */
import { answers } from "../../completion/testing/hedging.ts";
import { fail, headers, says, send, text, wait } from "../../completion/testing/scripted-provider.ts";
import { deliveryOf, limitsOf, TIERS, timersOf } from "../../routing/types.ts";
import type { ConfigDocument } from "../document.ts";
import { AGENT_SCORE_CASES } from "./agent-score-cases.ts";
import { LIST_CASES } from "./list-cases.ts";
import { BASE, breakers, type Case, decide, ran, resolved, retriesOf, shown } from "./observers.ts";

export const down = () => [[fail("overloaded", {})], [fail("overloaded", {})], [fail("overloaded", {})]];

export const GPT = { provider: "openai", model: "gpt-4o-mini" };
const FACTOR_CASES = Object.fromEntries(
  (["prompt", "data", "conditions", "context"] as const).flatMap((factor) =>
    (["low", "medium", "high"] as const).map((bound): [string, Case] => [
      `limits.${factor}.${bound}`,
      [
        decide,
        ({ limits }) => {
          limits[factor][bound] += bound === "high" ? 1_000 : 1;
        },
      ],
    ]),
  ),
);

const WEIGHT_CASES = Object.fromEntries(
  Object.entries(BASE.weights).flatMap(([set, weights]) =>
    Object.keys(weights).map((factor): [string, Case] => [
      `weights.${set}.${factor}`,
      [
        decide,
        (draft) => {
          const drafted = draft.weights[set as keyof typeof draft.weights];
          drafted[factor as keyof typeof drafted] += 0.01;
        },
      ],
    ]),
  ),
);

const TIMERS = {
  headers: "headersMs",
  first_token: "firstTokenMs",
  byte_silence: "byteSilenceMs",
  content_silence: "contentSilenceMs",
} as const;

const LIMITS = {
  max_attempts: ["maxAttempts", 2],
  max_attempts_per_provider: ["maxAttemptsPerProvider", 1],
  call_timeout: ["callTimeoutMs", 5_000],
} as const;

const TIER_CASES = Object.fromEntries(
  TIERS.flatMap((tier): [string, Case][] => [
    [`tiers.${tier}.targets`, [decide, (draft) => void draft.tiers[tier].targets.reverse()]],
    ...(["provider", "model"] as const).map((part): [string, Case] => [
      `tiers.${tier}.targets[].${part}`,
      [
        decide,
        ({ tiers }) => {
          const [first] = tiers[tier].targets;
          if (first !== undefined) first[part] = part === "provider" ? "kimi" : "gpt-4o";
        },
        ({ tiers }) => {
          tiers[tier].targets = [{ ...GPT }];
        },
      ],
    ]),
    ...Object.entries(LIMITS).map(([name, [limit, value]]): [string, Case] => [
      `tiers.${tier}.limits.${name}`,
      [
        (document) => limitsOf(document, tier),
        (draft) => {
          draft.tiers[tier].limits = { [limit]: value };
        },
      ],
    ]),
    [
      `tiers.${tier}.max_output_tokens`,
      [
        decide,
        (draft) => {
          draft.tiers[tier].maxOutputTokens -= 1;
        },
      ],
    ],
    [
      `tiers.${tier}.temperature`,
      [
        decide,
        (draft) => {
          draft.tiers[tier].temperature = 0.1;
        },
      ],
    ],
    [
      `tiers.${tier}.delivery`,
      [
        (document) => deliveryOf(document, tier),
        (draft) => {
          draft.tiers[tier].delivery = "ASSURED";
        },
      ],
    ],
    [
      `assumed_latency.${tier}`,
      [
        decide,
        (draft) => {
          draft.assumedLatencyMs[tier] += 1;
        },
      ],
    ],
    ...Object.entries(TIMERS).map(([name, timer]): [string, Case] => [
      `tiers.${tier}.timers.${name}`,
      [
        (document) => timersOf(resolved(document), { ...GPT, tier }),
        (draft) => {
          draft.tiers[tier].timers[timer] += 1;
        },
      ],
    ]),
  ]),
);

export const CASES: Readonly<Record<string, Case>> = {
  ...FACTOR_CASES,
  ...WEIGHT_CASES,
  ...TIER_CASES,
  ...LIST_CASES,
  ...AGENT_SCORE_CASES,
  preset: [
    decide,
    (draft) => {
      draft.preset = "current";
    },
  ],
  scorer: [
    decide,
    (draft) => {
      draft.scorer = "calibrated";
    },
  ],
  agent_weight: [
    decide,
    (draft) => {
      draft.agentWeight = 0.5;
    },
  ],
  shadow_scorer: [
    decide,
    (draft) => {
      draft.shadowScorer = "calibrated";
    },
  ],
  ...Object.fromEntries(
    (["fastShare", "powerfulShare"] as const).map((share): [string, Case] => [
      `calibration.${share === "fastShare" ? "fast_share" : "powerful_share"}`,
      [
        decide,
        (draft) => {
          if (draft.calibration !== undefined) draft.calibration[share] += 0.1;
        },
        (draft) => {
          draft.scorer = "calibrated";
          draft.calibration = { fastShare: 0.4, powerfulShare: 0.2 };
        },
      ],
    ]),
  ),
  step_weight: [
    decide,
    (draft) => {
      draft.stepWeight = 0.3;
    },
  ],
  "thresholds.balanced_from": [
    decide,
    (draft) => {
      draft.thresholds.balancedFrom = 4;
    },
  ],
  "thresholds.balanced_to": [
    decide,
    (draft) => {
      draft.thresholds.balancedTo = 6;
    },
  ],
  cold_start_score: [
    decide,
    (draft) => {
      draft.coldStartScore = 1;
    },
  ],
  creation_weight: [
    decide,
    (draft) => {
      draft.creationWeight = 0.4;
    },
  ],
  execution_weight: [
    decide,
    (draft) => {
      draft.executionWeight = 0.6;
    },
  ],
  failure_limit: [
    decide,
    (draft) => {
      draft.failureLimit = 3;
    },
  ],
  minimum_output_tokens: [
    decide,
    (draft) => {
      draft.minimumOutputTokens = 2_000;
    },
  ],
  retired_models: [
    decide,
    (draft) => {
      draft.retiredModels = "skip";
    },
  ],
  prompt_cache: [
    decide,
    (draft) => {
      draft.promptCache = "off";
    },
  ],
  call_timeout: [
    (document) => ran(document, { "a/one": [[wait(9_000), headers]] }),
    (draft) => {
      draft.callTimeoutMs = 5_000;
    },
  ],
  max_attempts: [
    (document) => ran(document, { "a/one": down(), "b/two": down(), "c/three": down() }),
    (draft) => {
      draft.maxAttempts = 2;
    },
  ],
  max_attempts_per_provider: [
    (document) => ran(document, { "a/one": down(), "a/two": down() }),
    (draft) => {
      draft.maxAttemptsPerProvider = 1;
    },
  ],
  "retries.share_of_calls": [
    retriesOf,
    (draft) => {
      draft.retries.shareOfCalls = 0.2;
    },
  ],
  "retries.floor_per_second": [
    retriesOf,
    (draft) => {
      draft.retries.floorPerSecond = 4;
    },
  ],
  "retries.longest_wait": [
    (document) =>
      ran(document, { "a/one": [[headers, fail("rate_limited", { retryAfterMs: 3_000 })], says("hello")] }),
    (draft) => {
      draft.retries.longestWaitMs = 4_000;
    },
  ],
  "retries.jitter_least": [
    (document) => ran(document, { "a/one": [[fail("server_error", {})], says("hello")] }),
    (draft) => {
      draft.retries.jitterLeastMs = 200;
    },
  ],
  "retries.jitter_most": [
    (document) => ran(document, { "a/one": [[fail("server_error", {})], says("hello")] }),
    (draft) => {
      draft.retries.jitterMostMs = 2_000;
    },
  ],
  "breaker.failures_in_a_row": [
    breakers,
    (draft) => {
      draft.breaker.failuresInARow = 2;
    },
  ],
  "breaker.window_calls": [
    breakers,
    (draft) => {
      draft.breaker.windowCalls = 10;
    },
  ],
  "breaker.failed_share": [
    breakers,
    (draft) => {
      draft.breaker.failedShare = 0.9;
    },
  ],
  "breaker.open": [
    breakers,
    (draft) => {
      draft.breaker.openMs = 9_000;
    },
  ],
  "breaker.rate_limit_cool_down": [
    breakers,
    (draft) => {
      draft.breaker.rateLimitCoolDownMs = 1;
    },
  ],
  "breaker.quota_cool_down": [
    breakers,
    (draft) => {
      draft.breaker.quotaCoolDownMs = 1;
    },
  ],
  "breaker.panic_probe": [
    breakers,
    (draft) => {
      draft.breaker.panicProbeMs = 500;
    },
  ],
  "hedging.enabled": [
    (document) => ran(document, { "a/one": [answers(2_000, "late")], "b/two": [says("hello")] }, 200),
    (draft) => {
      draft.hedging.enabled = true;
    },
  ],
  "hedging.share_of_calls": [
    (document) => ran(hedged(document), { "a/one": [answers(2_000, "late")], "b/two": [says("hello")] }, 200),
    (draft) => {
      draft.hedging.shareOfCalls = 0;
    },
  ],
  delivery: [
    (document) => ran(document, { "a/one": [[headers, send(text("hel")), fail("server_error", {})]] }),
    (draft) => {
      draft.delivery = "ASSURED";
    },
  ],
  "distribution.provider": [
    shown,
    (draft) => {
      draft.distribution.provider = "openai";
    },
  ],
  "distribution.lowest_share": [
    shown,
    (draft) => {
      draft.distribution.lowestShare = 0.5;
    },
  ],
  "distribution.highest_share": [
    shown,
    (draft) => {
      draft.distribution.highestShare = 0.9;
    },
  ],
};

const hedged = (document: ConfigDocument): ConfigDocument => ({
  ...document,
  hedging: { ...document.hedging, enabled: true },
});
