import type { IncomingHttpHeaders } from "node:http";
import { LIMITS } from "./limits.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/**
 * Brings a deadline beyond the longest call back to it, before the libraries read it: one of them counts in 32 bits and would end
 * such a call at once, the other refuses it. One that cannot be read is left to them.
 */
export function shortenDeadline(headers: IncomingHttpHeaders): void {
  const grpc = /^(\d+)([HMSmun])$/.exec(String(headers["grpc-timeout"] ?? ""));
  if (grpc !== null && Number(grpc[1]) * (UNIT_MS[grpc[2] as string] as number) > LIMITS.callMs)
    headers["grpc-timeout"] = `${LIMITS.callMs}m`;
  const connect = /^\d+$/.exec(String(headers["connect-timeout-ms"] ?? ""));
  if (connect !== null && Number(connect[0]) > LIMITS.callMs)
    headers["connect-timeout-ms"] = String(LIMITS.callMs);
}
