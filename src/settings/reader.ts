import type { Environment } from "./environment.ts";

/** Every problem of the settings, each naming its variable and the remedy. No value of a secret is quoted. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `the settings have ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
    );
    this.problems = problems;
  }
}

/** Reads typed values from an environment and collects what is wrong, so that all of it is reported at once. */
export class SettingsReader {
  readonly #environment: Environment;
  readonly #problems: string[] = [];
  readonly #asked = new Map<string, string | undefined>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    const value = this.#environment[name]?.trim();
    this.#asked.set(name, value);
    return value;
  }

  /** Every variable that was asked for, with its value where it is set. */
  get asked(): ReadonlyMap<string, string | undefined> {
    return this.#asked;
  }

  /** The first of several variables that is set. */
  firstOf(names: readonly string[]): string | undefined {
    return names.map((name) => this.text(name)).find((value) => value !== undefined);
  }

  port(name: string, fallback: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const port = Number(value);
    if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
    return this.#reject(name, `is "${value}"; use a port from 1 to 65535, or 0 for any free one`, fallback);
  }

  positive(name: string, fallback: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (number > 0) return number;
    return this.#reject(name, `is "${value}"; use a number above 0`, fallback);
  }

  /** A whole number from 1. */
  count(name: string, fallback: number, most: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const count = Number(value);
    if (Number.isInteger(count) && count >= 1 && count <= most) return count;
    return this.#reject(name, `is "${value}"; use a whole number from 1 to ${most}`, fallback);
  }

  /** A whole number of ms from 1; undefined when it is not set. */
  milliseconds(name: string, mostMs: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const ms = Number(value);
    if (Number.isInteger(ms) && ms >= 1 && ms <= mostMs) return ms;
    return this.#reject(name, `is "${value}"; use a whole number of ms from 1 to ${mostMs}`, undefined);
  }

  flag<T>(name: string, fallback: T): boolean | T {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (value === "true" || value === "1") return true;
    if (value === "false" || value === "0") return false;
    return this.#reject(name, `is "${value}"; use true or false`, fallback);
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const found = choices.find((choice) => choice === value);
    return found ?? this.#reject(name, `is "${value}"; use ${choices.join(" or ")}`, fallback);
  }

  /** An absolute URL of one of the schemes, without a trailing slash. The value is not quoted: it may hold a password. */
  url<T>(name: string, schemes: readonly string[], fallback: T): string | T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const scheme = URL.parse(value)?.protocol.slice(0, -1);
    if (scheme !== undefined && schemes.includes(scheme)) return value.replace(/\/+$/, "");
    return this.#reject(name, `is not a URL of the form ${schemes.join("://… or ")}://…`, fallback);
  }

  /** Items between commas. */
  list(name: string): readonly string[] {
    const items = this.text(name)?.split(",") ?? [];
    return items.map((item) => item.trim()).filter((item) => item !== "");
  }

  problem(name: string, text: string): void {
    this.#problems.push(`${name} ${text}`);
  }

  /** @throws SettingsError when anything was wrong */
  throwIfWrong(): void {
    if (this.#problems.length > 0) throw new SettingsError(this.#problems);
  }

  #reject<T>(name: string, text: string, fallback: T): T {
    this.problem(name, text);
    return fallback;
  }
}
