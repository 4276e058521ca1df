/** Has every worker take keys and base URLs anew, one reload after the other. */
import type { Environment } from "../settings/environment.ts";
import { SettingsError } from "../settings/reader.ts";
import type { ReloadOutcome } from "./messages.ts";
import { Questions } from "./questions.ts";
import type { WorkerProcess } from "./worker-process.ts";

export type ReloadsOptions = Readonly<{
  /** @throws SettingsError when no settings can be made of the variables */
  readAgain: () => Environment;
  workers: () => readonly Pick<WorkerProcess, "send" | "gone">[];
}>;

/** For a worker to say that it has them. One that is just starting takes a second or two. */
const TAKEN_MS = 10_000;

export class Reloads {
  readonly #options: ReloadsOptions;
  readonly #questions = new Questions<readonly string[]>();
  #environment: Environment | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  /** Of the last reload, for workers that start later; undefined: there was none. */
  get environment(): Environment | undefined {
    return this.#environment;
  }

  /** Never rejects. */
  reload(): Promise<ReloadOutcome> {
    const outcome = this.#last.then(() => this.#reloadNow());
    this.#last = outcome;
    return outcome;
  }

  onReloaded(id: number, changed: readonly string[]): void {
    this.#questions.answer(id, changed);
  }

  async #reloadNow(): Promise<ReloadOutcome> {
    let environment: Environment;
    try {
      environment = this.#options.readAgain();
    } catch (error) {
      return { kind: "refused", problems: problemsOf(error) };
    }
    this.#environment = environment;
    const answers = await Promise.all(
      this.#options.workers().map((worker) => this.#tell(worker, environment)),
    );
    const changed = answers.flatMap((answer) => answer ?? []);
    return answers.includes(undefined)
      ? { kind: "incomplete" }
      : { kind: "done", changed: [...new Set(changed)].sort() };
  }

  /** One that dies meanwhile has nothing to take; its successor starts with them. @returns undefined: no word in time */
  #tell(
    worker: Pick<WorkerProcess, "send" | "gone">,
    environment: Environment,
  ): Promise<readonly string[] | undefined> {
    return Promise.race([
      this.#questions.ask((id) => worker.send({ type: "reload", id, environment }), TAKEN_MS),
      worker.gone.then(() => []),
    ]);
  }
}

/** A file that cannot be read is a problem of the settings, too. */
const problemsOf = (error: unknown): readonly string[] =>
  error instanceof SettingsError ? error.problems : ["the settings could not be read"];
