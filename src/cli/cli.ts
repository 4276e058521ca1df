/** The words of the command line: what a command is given, what it may print, and how it ends. */
import type { Transport } from "@connectrpc/connect";

/** 0: done. 1: the service said no, or is not there. 2: the command was written wrong. 3: the configuration is wrong. */
export const EXIT = { done: 0, failed: 1, usage: 2, invalid: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export type Terminal = Readonly<{
  /** Results, to standard output. */
  print(text: string): void;
  /** Whatever else people want to know, to standard error. */
  say(text: string): void;
  /** Replaces the last progress line where there is a screen; elsewhere nothing. */
  progress(text: string): void;
  /** All of standard input. */
  read(): Promise<string>;
}>;

export type CommandContext = Readonly<{
  /** What stands after the command, options taken out. */
  operands: readonly string[];
  options: Readonly<Record<string, string | undefined>>;
  /** Results as JSON, for programs. */
  json: boolean;
  transport: Transport;
  terminal: Terminal;
}>;

export type Command = Readonly<{
  /** After "modeltier": "config export [file]". */
  usage: string;
  /** What it does, in a line. */
  summary: string;
  /** Options of its own that take a value, without the dashes, each with what it is. */
  options: Readonly<Record<string, string>>;
  run(context: CommandContext): Promise<ExitCode>;
}>;

/** The command was written wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
