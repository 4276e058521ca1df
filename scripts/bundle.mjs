// Makes dist/ of the sources and their packages when it is missing or made of others: the service in few files, which Node
// loads in half the time of its thousand. Plain JavaScript, as install.mjs.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, filesUnder, isMadeOf, stamp } from "./made-of.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

/** What a process or a thread starts with; the names are those of their sources. */
const ENTRIES = ["main", "workers/worker", "store/embedded/worker"];
/** These look for files beside their own code. */
const LEFT_WHERE_THEY_ARE = [
  /^@electric-sql\//,
  "@grpc/proto-loader",
  "@grpc/reflection",
  "grpc-health-check",
];

function sources() {
  const page = join(root, "src", "admin", "app");
  const made = join(root, "src", "admin", "dist");
  const code = filesUnder(join(root, "src")).filter(
    (file) =>
      file.endsWith(".ts") && !file.startsWith(page) && !file.startsWith(made) && !file.endsWith(".test.ts"),
  );
  const contract = filesUnder(join(root, "gen")).filter((file) => file.endsWith(".js"));
  return [...code, ...contract, join(root, "package-lock.json"), fileURLToPath(import.meta.url)];
}

/** @returns the exit status: 0 when dist/ is there and up to date */
export function bundleService() {
  const wanted = digestOf(root, sources());
  if (isMadeOf(dist, wanted)) return 0;
  console.error("Bundling the service …");
  rmSync(dist, { recursive: true, force: true });
  const self = fileURLToPath(import.meta.url);
  const bundled = spawnSync(join(root, "node_modules", ".bin", "node"), [self, "--now"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (bundled.status !== 0) {
    console.error("The service could not be bundled; the lines above say why.");
    return bundled.status ?? 1;
  }
  stamp(dist, wanted);
  return 0;
}

async function bundle() {
  const { rolldown } = await import("rolldown");
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`])),
    platform: "node",
    external: LEFT_WHERE_THEY_ARE,
    // A file that is in no chunk's place would be looked for in the wrong one: see src/files.ts.
    onwarn: (warning) => {
      throw new Error(warning.message);
    },
  });
  await build.write({
    dir: dist,
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
    // The process keeps its code as text, in two bytes a character once one of a file is beyond Latin-1; comments are a part of it.
    charset: "ascii",
    comments: { legal: true, annotation: true, jsdoc: false },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "--now") await bundle();
  else process.exit(bundleService());
}
