import { ConnectError } from "@connectrpc/connect";
import { type ConfigConflict, ConfigConflictSchema } from "../../../../gen/modeltier/v1/config_pb.js";

/** Somebody else published since: who, and what; undefined when the error is another. */
export const findConflict = (error: unknown): ConfigConflict | undefined =>
  error === null ? undefined : ConnectError.from(error).findDetails(ConfigConflictSchema)[0];
