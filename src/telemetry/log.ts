import { constants, fstatSync, openSync } from "node:fs";
import { type DestinationStream, type Logger, pino } from "pino";
import type { LogLevel } from "../settings/settings.ts";

/** What may stand in a log line: names, numbers and our own sentences. Never an error object, a request or a header. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The narrow logger that the parts are given: a sentence and flat fields. */
export type Log = Readonly<{
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Calls back for each line that is lost because nobody reads. */
  onDrop?(lost: () => void): void;
}>;

/** Where lines go; `flush` sends what it holds on its way. */
export type LogDestination = DestinationStream & {
  flush?(): void;
  on?(event: "drop", listener: () => void): unknown;
};

export type LogOptions = Readonly<{ everywhere?: LogFields; destination?: LogDestination }>;

const STANDARD_ERROR = 2;
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;

/**
 * A descriptor, written to in the background: a write for every call would cost more than all else about its line, and
 * a reader who has stopped would stop the service. What he does not take beyond 4 MiB is dropped.
 */
export function inBackground(descriptor: number = STANDARD_ERROR): LogDestination {
  let isExiting = false;
  const destination = pino.destination({
    dest: withoutWaiting(descriptor),
    sync: false,
    minLength: 16_000,
    periodicFlush: 100,
    maxLength: MOST_UNREAD_BYTES,
    retryEAGAIN: () => !isExiting,
  });
  const flushSync = destination.flushSync.bind(destination);
  // An exit waits for the last lines to leave, and not for a reader who takes none.
  destination.flushSync = () => {
    isExiting = true;
    try {
      flushSync();
    } catch {
      destination.destroy();
    }
  };
  return destination;
}

/**
 * The same pipe, opened anew so that writing to it never waits: a thread that waits for a reader keeps the process from
 * ending. Its own mode is left alone: others may write to it, too. What is no pipe, or not Linux's, is used as it is.
 */
function withoutWaiting(descriptor: number): number {
  try {
    if (!fstatSync(descriptor).isFIFO()) return descriptor;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}

/**
 * One JSON line per event on standard error, so that standard output stays for people. Information may be a tenth of a second
 * on its way; warnings and errors leave at once, and an exit of the process waits for all lines.
 * @param everywhere fields of every line
 */
export function createLog(
  level: LogLevel,
  { everywhere, destination = inBackground() }: LogOptions = {},
): Log {
  const logger: Logger = pino(
    {
      level,
      base: everywhere,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const urgent = (level: "warn" | "error") => (message: string, fields?: LogFields) => {
    logger[level](plain(fields), message);
    destination.flush?.(); // not the logger's, which waits for the end and so adds listeners to every line
  };
  return {
    info: (message, fields) => logger.info(plain(fields), message),
    warn: urgent("warn"),
    error: urgent("error"),
    onDrop: (lost) => void destination.on?.("drop", lost),
  };
}

/**
 * Names, numbers and our own sentences, whatever the types were told: an error, a request or a header can hold a key or a prompt, and
 * a logger that takes objects writes all of it.
 */
function plain(fields: LogFields = {}): LogFields {
  if (!isPlain(fields)) return { left_out: "what was logged is no plain record" };
  for (const name in fields) if (!isValue(fields[name])) return withoutObjects(fields);
  return fields;
}

const VALUES: ReadonlySet<string> = new Set(["string", "number", "boolean"]);

function isPlain(fields: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(fields);
  return prototype === Object.prototype || prototype === null;
}

const isValue = (value: unknown): boolean => value === undefined || VALUES.has(typeof value);

const withoutObjects = (fields: LogFields): LogFields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => isValue(value)));
