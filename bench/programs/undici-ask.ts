import { promptOf } from "../lib/workloads.ts";

/** What is sent to the upstream by the floors: as much as the service sends. */
export const ANSWER_BODY = {
  method: "POST",
  headers: { "content-type": "application/json", authorization: "Bearer bench-key" },
  body: JSON.stringify({
    model: "gpt-4o-mini",
    messages: [{ role: "user", content: promptOf(2_048) }],
    stream: true,
    stream_options: { include_usage: true },
  }),
} as const;
