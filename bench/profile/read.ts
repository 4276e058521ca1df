/** Reads the two kinds of profile that V8 writes: which functions took the time, and which made the garbage. */

export type CallFrame = Readonly<{ functionName: string; url: string; lineNumber: number }>;

export type CpuProfile = Readonly<{
  nodes: readonly Readonly<{ id: number; callFrame: CallFrame }>[];
  /** The node on top at each sample. */
  samples: readonly number[];
  /** Microseconds from each sample to the one before. */
  timeDeltas: readonly number[];
}>;

export type HeapNode = Readonly<{ callFrame: CallFrame; selfSize: number; children: readonly HeapNode[] }>;
export type HeapProfile = Readonly<{ head: HeapNode }>;

export type Entry = Readonly<{
  /** "function file:line" */
  name: string;
  /** Of the whole, in [0, 1]. */
  share: number;
  /** Microseconds or bytes. */
  amount: number;
}>;

const NOT_WORK = new Set(["(idle)", "(program)"]);
/** Starting and stopping the profile. */
const PROFILER = "node:inspector";

/** By time spent in the function itself, largest first. Idle time, time outside of JavaScript and the
 * profiler itself are not part of the whole. */
export function topSelfTime({ nodes, samples, timeDeltas }: CpuProfile): readonly Entry[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const amounts = new Map<string, number>();
  samples.forEach((id, index) => {
    const frame = names.get(id);
    if (frame === undefined || NOT_WORK.has(frame.functionName) || frame.url === PROFILER) return;
    add(amounts, nameOf(frame), timeDeltas[index] ?? 0);
  });
  return ranked(amounts);
}

/** By bytes that the function itself allocated, largest first. */
export function topAllocators({ head }: HeapProfile): readonly Entry[] {
  const amounts = new Map<string, number>();
  const pending = [head];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.selfSize > 0) add(amounts, nameOf(node.callFrame), node.selfSize);
    pending.push(...node.children);
  }
  return ranked(amounts);
}

/** The entries summed by package, or by folder of `src/`, largest first. */
export function byPart(entries: readonly Entry[]): readonly Entry[] {
  const amounts = new Map<string, number>();
  for (const { name, amount } of entries) add(amounts, partOf(name), amount);
  return ranked(amounts);
}

function partOf(name: string): string {
  const place = name.slice(name.lastIndexOf(" ") + 1);
  const modules = place.lastIndexOf("node_modules/");
  if (modules >= 0) {
    const [scope = "", second = ""] = place.slice(modules + "node_modules/".length).split("/");
    return scope.startsWith("@") ? `${scope}/${second}` : scope;
  }
  const source = /(?:^|\/)((?:src|gen|bench)(?:\/[^/:]+)?)\//.exec(place)?.[1];
  if (source !== undefined) return source;
  return place.startsWith("node:") ? "node" : name.startsWith("(") ? name : "native";
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place = url === "" ? "" : ` ${url.replace(/^file:\/\//, "")}:${lineNumber + 1}`;
  return `${functionName || "(anonymous)"}${place}`;
}

function add(amounts: Map<string, number>, name: string, amount: number): void {
  amounts.set(name, (amounts.get(name) ?? 0) + amount);
}

function ranked(amounts: ReadonlyMap<string, number>): readonly Entry[] {
  const whole = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
  return [...amounts]
    .map(([name, amount]) => ({ name, amount, share: whole === 0 ? 0 : amount / whole }))
    .toSorted((a, b) => b.amount - a.amount);
}
