/** Starts the floors: the least that the same transport costs, with an answer of the service's own size. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadRequest } from "./h2load.ts";
import { SERVER_CORE } from "./machine.ts";
import { NODE, run, startOwnProgram, temporaryFolder } from "./processes.ts";
import type { Contender } from "./rounds.ts";
import { checkSample } from "./sample-check.ts";

/** A gRPC answer of the service, without its five-byte prefix, in a file for the floors. */
export async function answerFileOf(request: LoadRequest): Promise<string> {
  const { text } = await checkSample(request);
  const file = join(temporaryFolder(), "answer");
  writeFileSync(file, Buffer.from(text, "latin1").subarray(5));
  return file;
}

export const startGrpcFloor = (...args: readonly string[]) =>
  startOwnProgram("grpc-floor", SERVER_CORE, args);
export const startConnectFloor = (answerFile: string) =>
  startOwnProgram("connect-floor", SERVER_CORE, [answerFile]);

/** undici alone on the server's core, as many requests at once as given. */
export function undiciAlone(name: string, url: string, atOnce: number, seconds: number): Contender {
  const file = fileURLToPath(new URL("../programs/undici-floor.ts", import.meta.url));
  const command = [NODE, file, url, String(atOnce), String(seconds)];
  const limitMs = (seconds + 20) * 1_000;
  return {
    name,
    measure: async () => ({ value: Number(await run(command, { core: SERVER_CORE, limitMs })) }),
  };
}
