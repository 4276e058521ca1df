import type { Duration } from "@bufbuild/protobuf/wkt";
import type { AttemptTimers as ProtoTimers } from "../../../gen/modeltier/v1/routing_config_pb.js";
import type { AttemptTimers } from "../../routing/types.ts";
import { durationFromMs } from "./route.ts";

const NAMES = {
  headersMs: "headers",
  firstTokenMs: "firstToken",
  byteSilenceMs: "byteSilence",
  contentSilenceMs: "contentSilence",
} as const satisfies Record<keyof AttemptTimers, keyof ProtoTimers>;
const TIMERS = Object.keys(NAMES) as (keyof AttemptTimers)[];

type ProtoNames = (typeof NAMES)[keyof AttemptTimers];

/** The timers that are there. */
export function timersToProto(timers: Partial<AttemptTimers>): Partial<Record<ProtoNames, Duration>> {
  const given = TIMERS.flatMap((timer) => {
    const limitMs = timers[timer];
    return limitMs === undefined ? [] : [[NAMES[timer], durationFromMs(limitMs)] as const];
  });
  return Object.fromEntries(given);
}

/** The timers that are there, in ms; fractions of one stay, for validation to find. */
export function timersFromProto(
  timers: Readonly<Partial<Record<ProtoNames, Duration>>> | undefined,
): Partial<AttemptTimers> {
  const given = TIMERS.flatMap((timer) => {
    const limit = timers?.[NAMES[timer]];
    return limit === undefined ? [] : [[timer, Number(limit.seconds) * 1000 + limit.nanos / 1e6] as const];
  });
  return Object.fromEntries(given);
}
