/** How a failed change of configuration reaches the caller. */
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { ConfigConflictSchema } from "../../gen/modeltier/v1/config_pb.js";
import {
  ConfigConflictError,
  ConfigStoreUnavailableError,
  UnusableVersionError,
  VersionNotFoundError,
} from "../config/errors.ts";
import { changesToProto, versionToProto } from "./convert/config.ts";
import { durationFromMs } from "./convert/route.ts";
import { protoPathOf } from "./validate/config.ts";
import { InvalidRequestError } from "./validate/violations.ts";

const RETRY_MS = 1_000;

/** Runs what may fail for a reason of the configuration's; every other failure goes on as it is. */
export async function withConfigErrors<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw callerErrorOf(error);
  }
}

/** As the caller may see it; a failure that is not of the configuration's stays as it is. */
export function callerErrorOf(error: unknown): unknown {
  if (error instanceof ConfigConflictError) return conflict(error);
  if (error instanceof VersionNotFoundError) {
    return new ConnectError(error.message, Code.NotFound, undefined, [
      info("CONFIG_VERSION_NOT_FOUND", { version: String(error.version) }),
    ]);
  }
  if (error instanceof UnusableVersionError) {
    const violations = error.problems.map(({ path, message }) => ({
      path: protoPathOf(path),
      description: `${message} (version ${error.version})`,
    }));
    return new InvalidRequestError(violations);
  }
  if (error instanceof ConfigStoreUnavailableError) {
    return new ConnectError("the database does not answer: try again", Code.Unavailable, undefined, [
      info("CONFIG_STORE_UNAVAILABLE"),
      { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(RETRY_MS) } },
    ]);
  }
  return error;
}

function conflict({ message, newest, base, document }: ConfigConflictError): ConnectError {
  return new ConnectError(`${message}: look at its changes and publish again`, Code.Aborted, undefined, [
    info("CONFIG_CONFLICT", { newest_version: String(newest.version) }),
    {
      desc: ConfigConflictSchema,
      value: { newest: versionToProto(newest), changes: changesToProto(base, document) },
    },
  ]);
}

const info = (reason: string, metadata: Record<string, string> = {}) => ({
  desc: ErrorInfoSchema,
  value: { reason, domain: "modeltier", metadata },
});
