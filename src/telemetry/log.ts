import { type DestinationStream, type Logger, pino } from "pino";
import type { LogLevel } from "../settings/settings.ts";

/** What may stand in a log line: names, numbers and our own sentences. Never an error object, a request or a header. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The narrow logger that the parts are given: a sentence and flat fields. */
export type Log = Readonly<{
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}>;

export type LogOptions = Readonly<{ everywhere?: LogFields; destination?: DestinationStream }>;

/**
 * One JSON line per event on standard error, so that standard output stays for people.
 * @param everywhere fields of every line
 */
export function createLog(
  level: LogLevel,
  { everywhere, destination = pino.destination(2) }: LogOptions = {},
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
  return {
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}
