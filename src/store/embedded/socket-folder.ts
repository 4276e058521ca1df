import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What Postgres calls the socket of port 5432; `psql -h` wants the folder it is in. */
export const SOCKET_NAME = ".s.PGSQL.5432";

/** Room for a path in `sockaddr_un`, its NUL left out: 103 on macOS, 107 on Linux. */
const LONGEST_PATH_BYTES = 103;

/**
 * Where the socket goes: the data folder, or a private folder of its own under the temporary one when the path would be
 * too long for a socket. The same data folder always leads to the same place.
 * @param dataDir absolute
 * @throws Error when somebody else owns the temporary folder
 */
export function socketFolderFor(dataDir: string): string {
  if (Buffer.byteLength(join(dataDir, SOCKET_NAME)) <= LONGEST_PATH_BYTES) return dataDir;
  const digest = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  const folder = join(tmpdir(), `modeltier-${digest}`);
  makePrivate(folder);
  return folder;
}

/** Anybody may make folders where temporary files go, so one that is there already is looked at first. */
function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(
      `${folder} belongs to somebody else; the socket of the embedded database cannot go there`,
    );
  }
  chmodSync(folder, 0o700);
}
