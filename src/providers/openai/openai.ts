import type { DialectAdapter } from "../http-provider.ts";
import type { ProviderConfig } from "../registry.ts";
import { chatAdapter } from "./chat-adapter.ts";

/** OpenAI itself, and any host that is compatible with its chat completions. */
export const openaiAdapter = (config: ProviderConfig): DialectAdapter =>
  chatAdapter(config, { asksForUsage: true, takesSchemaKeyword: true });
