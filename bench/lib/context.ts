/** What the cases share: the options, the database server, the upstreams and the list of what was left out. */
import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import type { LoadShape } from "./h2load.ts";
import { LOAD_CORE } from "./machine.ts";
import { startOwnProgram } from "./processes.ts";
import type { Row, Skipped } from "./results.ts";
import { startStaticUpstream } from "./upstream.ts";

export type Options = Readonly<{
  seconds: number;
  rounds: number;
  soakMinutes: number;
  growthRows: number;
  idleSeconds: number;
  idleStreams: number;
}>;

export type Case = Readonly<{
  name: string;
  /** One line for `--help` and the README. */
  about: string;
  run(context: Context): Promise<readonly Row[]>;
}>;

export class Context {
  readonly options: Options;
  readonly skipped: Skipped[] = [];
  /** Of the gateways that took part, by name. */
  readonly versions = new Map<string, string>();
  /** The upstream that answers at once; "http://127.0.0.1:1234". */
  readonly upstream: string;
  /** The bench's own upstream: paced answers, late ones, and those that never come. */
  readonly paced: string;
  /** What the static upstream is. */
  readonly upstreamKind: string;
  readonly #postgres: TestPostgres;

  private constructor(
    options: Options,
    parts: { upstream: string; kind: string; paced: string; postgres: TestPostgres },
  ) {
    this.options = options;
    this.upstream = parts.upstream;
    this.upstreamKind = parts.kind;
    this.paced = parts.paced;
    this.#postgres = parts.postgres;
  }

  static async open(options: Options, stack: AsyncDisposableStack): Promise<Context> {
    const postgres = await startPostgres();
    stack.defer(() => postgres.stop());
    const upstream = await startStaticUpstream();
    stack.defer(() => upstream.stop());
    const paced = await startOwnProgram("paced-upstream", LOAD_CORE);
    stack.defer(() => paced.stop());
    const url = `http://127.0.0.1:${paced.port}`;
    return new Context(options, { upstream: upstream.url, kind: upstream.kind, paced: url, postgres });
  }

  /** An empty database of its own; its URL. */
  createDatabase(): Promise<string> {
    return this.#postgres.createDatabase();
  }

  /** Closed-loop load for one measurement. */
  shape(connections: number, streams: number): LoadShape {
    return { connections, streams, seconds: this.options.seconds };
  }

  skip(name: string, what: string, why: string): void {
    this.skipped.push({ case: name, what, why });
    this.say(`SKIPPED ${name}: ${what}: ${why}`);
  }

  say(line: string): void {
    process.stderr.write(`${line}\n`);
  }
}
