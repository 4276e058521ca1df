/** What the floors share: the canned answer they were given, and how they say where they are. */
import { readFileSync } from "node:fs";
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";

/** The message in the file that an argument names: an answer of the real service, so that the floor's is as large. */
export const messageIn = <T extends DescMessage>(schema: T, file: string | undefined): MessageShape<T> =>
  fromBinary(schema, readFileSync(file ?? ""));

export const sayPort = (port: number): void => {
  process.stdout.write(`port ${port}\n`);
};
