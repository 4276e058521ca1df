// Builds the admin page into src/admin/dist/ when it is missing or made from other sources. Plain JavaScript, as install.mjs.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { digestOf, filesUnder, isMadeOf, stamp } from "./made-of.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const app = join(root, "src", "admin", "app");
const dist = join(root, "src", "admin", "dist");

/** What the page is made of: its sources, the generated contract and the locked packages. */
function sources() {
  const contract = filesUnder(join(root, "gen")).filter((file) => file.endsWith(".js"));
  const page = filesUnder(app).filter((file) => !/\.test\.tsx?$/.test(file));
  return [...page, ...contract, join(root, "package-lock.json")];
}

/** @returns the exit status: 0 when the page is there and up to date */
export function buildAdminPage() {
  const wanted = digestOf(root, sources());
  if (isMadeOf(dist, wanted)) return 0;
  console.error("Building the admin page, once …");
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const built = spawnSync(
    join(root, "node_modules", ".bin", "node"),
    [vite, "build", app, "--logLevel=error"],
    { cwd: root, stdio: ["ignore", 2, 2] },
  );
  if (built.status !== 0) {
    console.error("The admin page could not be built; the lines above say why.");
    return built.status ?? 1;
  }
  for (const file of filesUnder(dist)) {
    if (/\.(js|css|svg)$/.test(file)) writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
  }
  stamp(dist, wanted);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(buildAdminPage());
