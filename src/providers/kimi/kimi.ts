import type { DialectAdapter } from "../http-provider.ts";
import { chatAdapter } from "../openai/chat-adapter.ts";
import type { ProviderConfig } from "../registry.ts";

/** Kimi: usage comes unasked inside the last choice (asking only doubles it), and `$schema` is refused. */
export const kimiAdapter = (config: ProviderConfig): DialectAdapter =>
  chatAdapter(config, { asksForUsage: false, takesSchemaKeyword: false });
