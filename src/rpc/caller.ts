import type { HandlerContext } from "@connectrpc/connect";

/** Who calls, as far as callers are told apart: "" while the service is open to everybody. */
export const callerOf = (_context: HandlerContext): string => "";
