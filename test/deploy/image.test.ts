/**
 * X25: the image. There is no engine here that would build it, so its steps are taken by hand, in the Dockerfile's order, in an empty root;
 * `npm test` takes the packages from where they are installed, `MODELTIER_FAULTS=all` has npm install them. What comes out is started as a container would be: as its user, with nothing to write to but its volume, and without a shell.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { holdsWithin } from "../faults/rig/rig.ts";
import { isThorough } from "../faults/rig/thorough.ts";
import { readStartCommand } from "../support/start-command.ts";
import { execForm, type Instruction, readDockerfile, variablesIn } from "./dockerfile.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const stages = readDockerfile(readFileSync(join(ROOT, "Dockerfile"), "utf8"));
const last = stages.at(-1);
if (last === undefined) throw new Error("the Dockerfile has no stage");
const final: readonly Instruction[] = last.instructions;
const textOf = (name: string): string => final.findLast((one) => one.name === name)?.text ?? "";
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

describe("X25 the Dockerfile", () => {
  it("names its base by the version of Node that is tested, and ends with one that has a user of its own", () => {
    for (const { base } of stages) expect(base).toBe(`node:${manifest.dependencies.node}-slim`);
    expect(textOf("USER")).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    const users = final.map(({ name }) => name).lastIndexOf("USER");
    expect(final.slice(users).some(({ name }) => name === "COPY" || name === "ADD")).toBe(false);
  });

  it("fetches nothing but the locked packages, and runs and is checked without a shell", () => {
    const everything = stages.flatMap(({ instructions }) => instructions);
    expect(everything.map(({ name }) => name)).not.toContain("ADD");
    for (const { text } of everything) expect(text).not.toMatch(/curl|wget|https?:|npm i(nstall)?\b|apt/);
    const { nodeOptions, program } = readStartCommand();
    expect(execForm(textOf("CMD"))).toEqual(["node_modules/.bin/node", ...nodeOptions, program]);
    expect(execForm(textOf("HEALTHCHECK").replace(/^.* CMD /, ""))[0]).toBe("node_modules/.bin/node");
  });

  it("leaves secrets and what is only for building out of what is sent to the engine", () => {
    const kept = readFileSync(join(ROOT, ".dockerignore"), "utf8").trim().split("\n");
    expect(kept[0]).toBe("*");
    const copied = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ name, text }) => name === "COPY" && !text.startsWith("--from="))
      .flatMap(({ text }) => text.split(" ").slice(0, -1))
      .map((path) => path.split("/")[0] ?? "");
    expect(
      kept
        .filter((line) => line.startsWith("!"))
        .map((line) => line.slice(1))
        .toSorted(),
    ).toEqual([...new Set(copied)].toSorted());
  });

  it("agrees with the manifest for Kubernetes", () => {
    const documents = parseAllDocuments(readFileSync(join(ROOT, "deploy/kubernetes/modeltier.yaml"), "utf8"));
    const { spec } = documents.map((one) => one.toJS()).find(({ kind }) => kind === "Deployment")
      .spec.template;
    const [container] = spec.containers;
    expect(`${spec.securityContext.runAsUser}:${spec.securityContext.runAsGroup}`).toBe(textOf("USER"));
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const ports = container.ports.map(({ containerPort }: { containerPort: number }) =>
      String(containerPort),
    );
    expect(ports.join(" ")).toBe(textOf("EXPOSE"));
    expect(container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)).toEqual([
      textOf("VOLUME"),
    ]);
  });
});

/** To be root, or taken for it, is what it takes to change the root of a process. */
const mayChangeRoot = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;

/** What a container has that Node needs; the rest of the machine is not there. */
const MOUNTS = ["/usr/lib", "/usr/lib64", "/proc", "/dev"];
/** For the steps of building, which have a shell. */
const TOOLS = ["/usr/bin", "/usr/sbin", "/etc"];

describe.skipIf(!mayChangeRoot)("X25 the image, by hand", () => {
  let image: string;
  beforeAll(async () => {
    image = mkdtempSync(join(tmpdir(), "mt-image-"));
    for (const folder of ["app", "tmp", ...[...MOUNTS, ...TOOLS].map((path) => path.slice(1))])
      mkdirSync(join(image, folder), { recursive: true });
    for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(image, name));
    chmodSync(image, 0o755);
    chmodSync(join(image, "tmp"), 0o1777);
    takeSteps(image);
  }, 180_000);
  afterAll(() => rmSync(image, { recursive: true, force: true }));

  it("starts as its user on a root that cannot be written, answers, is healthy, and ends in order", async () => {
    const [grpcPort, httpPort] = [await freePort(), await freePort()];
    const env = {
      ...imageEnvironment(),
      MODELTIER_HOST: "127.0.0.1",
      MODELTIER_GRPC_PORT: String(grpcPort),
      MODELTIER_HTTP_PORT: String(httpPort),
      MODELTIER_SANDBOX_PORT: "0",
    };
    const service = runInside(image, execForm(textOf("CMD")), env);
    const exited = once(service.process, "exit");
    expect(await holdsWithin(60_000, () => /^ready/m.test(service.output())), service.output()).toBe(true);
    const router = createClient(
      RouterService,
      createGrpcTransport({ baseUrl: `http://127.0.0.1:${grpcPort}` }),
    );
    expect((await router.route({ agentId: "a" })).decision?.provider).toBe("kimi");
    expect((await fetch(`http://127.0.0.1:${httpPort}/admin`)).status).toBe(200);

    const check = execForm(textOf("HEALTHCHECK").replace(/^.* CMD /, ""));
    expect(await codeOf(runInside(image, check, env).process)).toBe(0);
    // What is written is in the volume, and nothing else could be.
    expect(existsSync(join(image, "data/pglite"))).toBe(true);
    const write =
      "try{require('fs').writeFileSync('/app/x','');process.exit(9)}catch(e){process.exit(e.code==='EROFS'?0:8)}";
    expect(await codeOf(runInside(image, ["node_modules/.bin/node", "-e", write], env).process)).toBe(0);
    const shell = "process.exit(require('fs').existsSync('/bin/sh')?9:process.getuid()===65532?0:8)";
    expect(await codeOf(runInside(image, ["node_modules/.bin/node", "-e", shell], env).process)).toBe(0);

    service.process.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
    const unhealthy = runInside(image, check, env).process;
    expect(await codeOf(unhealthy)).toBe(1);
  }, 120_000);
});

const imageEnvironment = (): Readonly<Record<string, string>> =>
  Object.assign({}, ...final.filter(({ name }) => name === "ENV").map(({ text }) => variablesIn(text)));

/** Every stage in an empty folder of its own; the packages for building are those that this project was installed with. */
function takeSteps(image: string): void {
  const folders = new Map<string, string>();
  for (const stage of stages) {
    const isFinal = stage === last;
    const work = isFinal ? join(image, "app") : mkdtempSync(join(tmpdir(), `mt-image-${stage.name}-`));
    folders.set(stage.name, work);
    let user = "0:0";
    let isLent = false;
    let env: Record<string, string> = {};
    for (const { name, text } of stage.instructions) {
      if (name === "COPY") copy(text, work, folders);
      else if (name === "ENV") env = { ...env, ...variablesIn(text) };
      else if (name === "USER") user = text;
      else if (name === "RUN" && isFinal) runStep(image, text, user, env);
      else if (name === "RUN" && /^npm ci --no-audit/.test(text)) isLent = true;
      else if (name === "RUN" && /^npm ci --omit=dev/.test(text) && !isThorough) takePackages(work);
      else if (name === "RUN") buildStep(work, text, isLent);
    }
  }
  for (const [name, folder] of folders) if (name !== "") rmSync(folder, { recursive: true, force: true });
}

/** In short: what `npm ci --omit=dev` would install, taken from what is installed here. */
function takePackages(work: string): void {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const wanted = Object.entries<{ dev?: boolean }>(packages)
    .filter(([path, { dev }]) => path !== "" && dev !== true && existsSync(join(ROOT, path)))
    .map(([path]) => path)
    .filter((path) => !path.includes("/node_modules/")); // which come with theirs
  mkdirSync(join(work, "node_modules"));
  expectStep(
    spawnSync("cp", ["-a", "--parents", ...wanted, join(work)], { cwd: ROOT, encoding: "utf8" }),
    "packages",
  );
  mkdirSync(join(work, "node_modules/.bin"));
  symlinkSync("../node/bin/node", join(work, "node_modules/.bin/node"));
}

/** @param isLent its packages are those of this project */
function buildStep(work: string, text: string, isLent: boolean): void {
  const modules = join(work, "node_modules");
  const lend = `mkdir -p ${modules} && mount --bind ${join(ROOT, "node_modules")} ${modules} && `;
  const script = `${isLent ? lend : ""}cd ${work} && ${text}`;
  expectStep(spawnSync("unshare", ["-m", "/bin/sh", "-c", script], { encoding: "utf8" }), text);
}

function copy(text: string, work: string, folders: ReadonlyMap<string, string>): void {
  const words = text.split(" ");
  const from = words[0]?.startsWith("--from=") ? words.shift()?.slice("--from=".length) : undefined;
  const to = words.pop() ?? "";
  for (const word of words) {
    const source =
      from === undefined ? join(ROOT, word) : join(folders.get(from) ?? "", word.replace(/^\/app\//, ""));
    const target = to.endsWith("/") ? join(work, to, word) : join(work, to);
    mkdirSync(dirname(target), { recursive: true });
    // What another stage made is thrown away with it, and need not be there twice.
    if (from !== undefined) expectStep(spawnSync("cp", ["-al", source, target]), `COPY ${text}`);
    else cpSync(source, target, { recursive: true, filter: (path) => !path.endsWith("src/admin/dist") });
  }
}

/** A step of the final stage, whose paths are the image's own. */
function runStep(image: string, text: string, user: string, env: Readonly<Record<string, string>>): void {
  const [command, ...parameters] = inside(image, [...MOUNTS, ...TOOLS], [], user, ["/bin/sh", "-c", text]);
  const step = spawnSync(command ?? "", parameters, {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/usr/sbin", ...env },
  });
  expectStep(step, text);
}

function expectStep({ status, stdout, stderr }: ReturnType<typeof spawnSync>, text: string): void {
  if (status !== 0) throw new Error(`RUN ${text} ended with ${status}:\n${stdout}${stderr}`);
}

/** As a container runs it: nothing of the machine but libraries, the root read-only, the volume not. */
function runInside(image: string, words: readonly string[], env: Readonly<Record<string, string>>) {
  const user = textOf("USER");
  const [command, ...parameters] = inside(image, MOUNTS, [textOf("VOLUME")], user, words);
  const child = spawn(command ?? "", parameters, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  return { process: child, output: () => output };
}

const codeOf = async (child: ChildProcess): Promise<number | null> => (await once(child, "exit"))[0];

/** @param volumes absent: the root may be written, as while an image is built */
function inside(
  image: string,
  mounts: readonly string[],
  volumes: readonly string[],
  user: string,
  words: readonly string[],
): readonly string[] {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const [id = "", group = ""] = user.split(":");
  const at = (path: string) => quoted(join(image, path));
  const script = [
    `mount --bind ${at("/")} ${at("/")}`,
    ...mounts.map((path) => `mount --rbind ${path} ${at(path)}`),
    ...volumes.map((path) => `mount --bind ${at(path)} ${at(path)}`),
    ...(volumes.length > 0 ? [`mount -o remount,ro,bind ${at("/")}`] : []),
    `exec unshare --root=${quoted(image)} --wd=/app --setgid=${group} --setuid=${id} ${words.map(quoted).join(" ")}`,
  ].join(" && ");
  return ["unshare", "-m", "/bin/sh", "-c", script];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
