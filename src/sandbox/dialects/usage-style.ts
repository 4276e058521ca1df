/** What the client is told of its usage, which need not be what is billed. */
import { NO_USAGE, type Usage } from "../answer/tokens.ts";
import type { Tally } from "./collect.ts";
import type { Rendering, UsageStyle } from "./voice.ts";

/** The styles whose last word is what is billed. */
const TRUE_STYLES: ReadonlySet<UsageStyle> = new Set(["normal", "mismatch"]);

export const toldUsage = (tally: Tally, { prompt, usageStyle }: Rendering): Usage =>
  usageStyle === "zero" ? NO_USAGE : tally.usage(prompt);

/** The effect of the frame that tells the usage last. */
export const finalReport = ({ usageStyle }: Rendering): Readonly<{ reports?: "final" }> =>
  TRUE_STYLES.has(usageStyle) ? { reports: "final" } : {};

/** Usage as a second source would tell it: wrong by one token each way. */
export const differing = (usage: Usage): Usage => ({
  ...usage,
  inputTokens: usage.inputTokens + 1,
  outputTokens: usage.outputTokens + 1,
});
