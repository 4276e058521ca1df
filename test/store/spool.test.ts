import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ExecutionIntent } from "../../src/store/records.ts";
import { DISK, type SpoolFiles } from "../../src/store/spool/files.ts";
import { HEADER_BYTES, readFrames } from "../../src/store/spool/frame.ts";
import type { Spool, SpoolOptions } from "../../src/store/spool/spool.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { anExecution } from "../support/executions.ts";
import { createMemoryLog } from "../support/memory-log.ts";
import { aSpool, makeSpoolFolder } from "../support/spool.ts";

const MIB = 1024 * 1024;

const anIntent = (executionId: string): ExecutionIntent => {
  const record = anExecution(executionId);
  return { ...record, planned: record.served };
};

describe("the spool", () => {
  const opened: Spool[] = [];
  afterEach(async () => {
    for (const spool of opened.splice(0)) await spool.close();
  });

  async function open(options: Partial<SpoolOptions> = {}): Promise<Spool> {
    const spool = await aSpool(options);
    opened.push(spool);
    return spool;
  }

  /** What a process leaves that is killed now. */
  function killed(root: string): string {
    const copy = makeSpoolFolder();
    cpSync(root, copy, { recursive: true });
    return copy;
  }

  async function drain(spool: Spool): Promise<Readonly<{ id: string; row: Record<string, unknown> }>[]> {
    const records = [];
    for (let texts = await spool.take(500); texts.length > 0; texts = await spool.take(500)) {
      records.push(
        ...texts.map(({ executionId, execution }) => ({ id: executionId, row: JSON.parse(execution) })),
      );
      spool.settle(texts.length);
    }
    return records;
  }

  const idsOf = (records: readonly Readonly<{ id: string }>[]): readonly string[] =>
    records.map(({ id }) => id);

  it("has a record with the kernel before anything that waits for a promise goes on", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root });
    spool.begin(anIntent("first"));
    spool.record(anExecution("first"));
    await Promise.resolve();
    const after = await open({ root: killed(root) });
    expect(await drain(after)).toMatchObject([
      { id: "first", row: { status: "ok", cost_nano_usd: "184500" } },
    ]);
  });

  it("makes a call that nobody saw the end of INTERRUPTED, with what was known of it", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root });
    spool.begin(anIntent("ended"));
    spool.begin(anIntent("in-flight"));
    spool.record(anExecution("ended"));
    await Promise.resolve();
    const after = await open({ root: killed(root) });
    const records = await drain(after);
    expect(idsOf(records)).toEqual(["ended", "in-flight"]);
    expect(records[1]?.row).toMatchObject({
      agent_id: "agent-1",
      labels: { team: "search" },
      provider: "kimi",
      status: "failed",
      failure_reason: "INTERRUPTED",
      usage_source: "UNKNOWN",
      price_status: "UNKNOWN",
    });
  });

  it("D09 a write that was cut off at any byte costs the record it was cut in, and no other", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root });
    const ids = ["one", "two", "three"];
    const ends: number[] = [];
    const path = () => join(root, "0", "0000000001.segment");
    for (const id of ids) {
      spool.record(anExecution(id, { agentId: `agent of ${id} 🎈` }));
      await Promise.resolve();
      ends.push(readFrames(readFileSync(path())).validBytes);
    }
    const whole = readFileSync(path());
    const length = ends.at(-1) as number;
    for (let cut = 0; cut <= length; cut += 1) {
      const torn = Buffer.alloc(length + 64);
      whole.copy(torn, 0, 0, cut);
      const { frames, isTorn } = readFrames(torn);
      const kept = ends.filter((end) => end <= cut).length;
      expect(frames.length, `cut at ${cut}`).toBe(kept);
      const lastEnd = ends[kept - 1] ?? 0;
      const begun = whole.subarray(lastEnd, Math.min(cut, lastEnd + HEADER_BYTES));
      expect(isTorn, `cut at ${cut}`).toBe(begun.some((byte) => byte !== 0));
      expect(readFrames(whole.subarray(0, cut)).frames.length, `short file, cut at ${cut}`).toBe(kept);
    }
  });

  it("D09 a file that ends in the middle of a record is replayed up to there, and more can be written", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root });
    for (const id of ["one", "two", "three"]) spool.record(anExecution(id));
    await Promise.resolve();
    const copy = killed(root);
    const path = join(copy, "0", "0000000001.segment");
    truncateSync(path, readFrames(readFileSync(path)).validBytes - 1);
    const log = createMemoryLog();
    const after = await open({ root: copy, log });
    expect(log.lines).toMatchObject([{ level: "warn", fields: { records: 2 } }, { level: "info" }]);
    after.record(anExecution("four"));
    expect(idsOf(await drain(after))).toEqual(["one", "two", "four"]);
  });

  it("takes a changed bit for the end, not for a record", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root });
    for (const id of ["one", "two"]) spool.record(anExecution(id));
    await Promise.resolve();
    const copy = killed(root);
    const path = join(copy, "0", "0000000001.segment");
    const bytes = readFileSync(path);
    const last = readFrames(bytes).validBytes - 10;
    bytes[last] = (bytes[last] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect(idsOf(await drain(await open({ root: copy })))).toEqual(["one"]);
  });

  it("keeps the beginning of a long call when the segment that it stands in goes", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root, capBytes: 4 * MIB });
    spool.begin(anIntent("long"));
    for (let call = 0; call < 2_000; call += 1) {
      spool.begin(anIntent(`call-${call}`));
      spool.record(anExecution(`call-${call}`));
      if (call % 100 === 99) await drain(spool);
    }
    expect(readdirSync(join(root, "0"))).not.toContain("0000000001.segment");
    const after = await open({ root: killed(root) });
    expect(idsOf(await drain(after)).filter((id) => id === "long")).toEqual(["long"]);
  });

  it("packs what waits on the disk, gives it back in order, and loses nothing of it to a kill", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root, capBytes: 32 * MIB });
    const expected: string[] = [];
    for (let call = 0; call < 20_000; call += 1) {
      const id = `call-${call}`;
      spool.begin(anIntent(id));
      spool.record(anExecution(id));
      expected.push(id);
      if (call % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (call === 15_000) await spool.whenPacked();
    }
    expect(spool.size).toBe(20_000);
    await spool.whenPacked();
    expect(readdirSync(join(root, "0")).filter((name) => name.endsWith(".zst")).length).toBeGreaterThan(2);
    const left = await open({ root: killed(root), capBytes: 32 * MIB });
    expect(idsOf(await drain(left))).toEqual(expected);
    expect(idsOf(await drain(spool))).toEqual(expected);
    expect(spool.size).toBe(0);
  });

  it("D13 at its cap says so before a call is accepted, takes the records of those in flight, and goes on when there is room", async () => {
    const metrics = createMetrics();
    const root = makeSpoolFolder();
    const spool = await open({ root, capBytes: 2 * MIB, metrics });
    const inFlight: string[] = [];
    let calls = 0;
    while (spool.findObstacle() === undefined) {
      const id = `call-${calls}`;
      calls += 1;
      spool.begin(anIntent(id));
      if (calls % 10 === 0) inFlight.push(id);
      else spool.record(anExecution(id));
      await Promise.resolve();
    }
    expect(spool.findObstacle()).toBe("spool_full");
    for (const id of inFlight) spool.record(anExecution(id));
    expect(spool.size).toBe(calls);
    expect((await metrics.spoolBytes.get()).values[0]?.value).toBeLessThanOrEqual(2 * MIB);
    expect((await drain(spool)).length).toBe(calls);
    expect(spool.findObstacle()).toBeUndefined();
  });

  it("D11 on a full disk says so before a call is accepted, and has room for those in flight", async () => {
    const root = makeSpoolFolder();
    let room = 3 * MIB;
    const take = (bytes: number): void => {
      if (bytes > room) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      room -= bytes;
    };
    /** Only zeros take new room: what is written over them has its place. */
    const isNew = (buffer: Buffer) => buffer[0] === 0;
    const files: SpoolFiles = {
      ...DISK,
      writeSync: (fd, buffer, length, position) => {
        if (isNew(buffer)) take(length);
        DISK.writeSync(fd, buffer, length, position);
      },
      write: async (fd, buffer, length, position) => {
        if (isNew(buffer)) take(length);
        await DISK.write(fd, buffer, length, position);
      },
    };
    await expect(open({ root, capBytes: 64 * MIB, files })).rejects.toThrow(/the disk is full/);
    room = 20 * MIB;
    const roomy = await open({ root, capBytes: 64 * MIB, files });
    const inFlight: string[] = [];
    let calls = 0;
    while (roomy.findObstacle() === undefined) {
      const id = `call-${calls}`;
      calls += 1;
      roomy.begin(anIntent(id));
      if (calls % 10 === 0) inFlight.push(id);
      else roomy.record(anExecution(id));
      await Promise.resolve();
    }
    expect(roomy.findObstacle()).toBe("disk_full");
    for (const id of inFlight) roomy.record(anExecution(id));
    await Promise.resolve();
    const after = await open({ root: killed(root) });
    expect((await drain(after)).length).toBe(calls);
  });

  it("D10 after a failed fdatasync writes everything that may not be on the disk again, elsewhere", async () => {
    const root = makeSpoolFolder();
    const log = createMemoryLog();
    const metrics = createMetrics();
    let failures = 1;
    const synced = new Set<number>();
    const files: SpoolFiles = {
      ...DISK,
      async fdatasync(fd) {
        if (failures > 0) {
          failures -= 1;
          throw Object.assign(new Error("i/o"), { code: "EIO" });
        }
        synced.add(fd);
        await DISK.fdatasync(fd);
      },
    };
    const spool = await open({ root, durability: "fsync", files, log, metrics });
    for (const id of ["one", "two", "three"]) spool.record(anExecution(id));
    await spool.whenSafe();
    const [suspect, next] = ["0000000001.segment", "0000000002.segment"].map((name) =>
      readFrames(readFileSync(join(root, "0", name))).frames.map(({ executionId }) => executionId),
    );
    expect(suspect).toEqual(["one", "two", "three"]);
    expect(next).toEqual(["one", "two", "three"]);
    expect(log.lines.map(({ level }) => level)).toEqual(["error", "info"]);
    expect(log.lines[0]?.fields).toMatchObject({ code: "EIO", records: 3 });
    expect((await metrics.spoolSyncFailures.get()).values[0]?.value).toBe(1);
    expect(spool.findObstacle()).toBeUndefined();
    spool.record(anExecution("four"));
    await spool.whenSafe();
    expect(new Set(idsOf(await drain(spool)))).toEqual(new Set(["one", "two", "three", "four"]));
  });

  it("D10 refuses calls while the disk fails, and lets answers go after a while", async () => {
    const files: SpoolFiles = {
      ...DISK,
      fdatasync: () => Promise.reject(Object.assign(new Error("i/o"), { code: "EIO" })),
    };
    const root = makeSpoolFolder();
    let isFailing = false;
    const spool = await open({
      root,
      durability: "fsync",
      files: { ...files, fdatasync: (fd) => (isFailing ? files.fdatasync(fd) : DISK.fdatasync(fd)) },
    });
    isFailing = true;
    spool.record(anExecution("one"));
    await spool.whenSafe();
    expect(spool.findObstacle()).toBe("disk_failing");
    isFailing = false;
    await expect.poll(() => spool.findObstacle(), { timeout: 20_000 }).toBeUndefined();
  });

  it("in fsync has many records on the disk with few calls of fdatasync", async () => {
    let calls = 0;
    const files: SpoolFiles = {
      ...DISK,
      fdatasync(fd) {
        calls += 1;
        return DISK.fdatasync(fd);
      },
    };
    const spool = await open({ durability: "fsync", files });
    calls = 0;
    const waits = Array.from({ length: 200 }, (_, call) => {
      spool.record(anExecution(`call-${call}`));
      return spool.whenSafe();
    });
    await Promise.all(waits);
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThan(10);
  });

  it("in fsync says that a record is safe only after an fdatasync that began behind its write", async () => {
    let written = 0;
    let covered = 0;
    let onSynced = () => {};
    const files: SpoolFiles = {
      ...DISK,
      writeSync(...args) {
        DISK.writeSync(...args);
        written += 1;
      },
      async fdatasync(fd) {
        const before = written;
        await DISK.fdatasync(fd);
        covered = before;
        onSynced();
      },
    };
    const spool = await open({ durability: "fsync", files });
    for (let turns = 0; turns < 20; turns += 1) {
      const synced = new Promise<void>((resolve) => {
        onSynced = resolve;
      });
      spool.record(anExecution(`first-${turns}`));
      await synced;
      // One of these comes between the end of an fdatasync and the look at what it has brought to the disk.
      for (let turn = 0; turn < turns; turn += 1) await undefined;
      spool.record(anExecution(`second-${turns}`));
      await undefined;
      const own = written;
      await spool.whenSafe();
      expect(covered).toBeGreaterThanOrEqual(own);
    }
  });

  it("keeps what an embedded database has until its files are on the disk", async () => {
    const root = makeSpoolFolder();
    let persisted = 0;
    const persist = async (): Promise<void> => {
      persisted += 1;
    };
    const spool = await open({ root, capBytes: 2 * MIB, persist });
    for (let call = 0; call < 60; call += 1) spool.record(anExecution(`call-${call}`));
    await drain(spool);
    const segments = () => readdirSync(join(root, "0")).filter((name) => name.endsWith(".segment"));
    expect(segments()).toContain("0000000001.segment");
    const after = await open({ root: killed(root) });
    expect((await drain(after)).length).toBe(60);
    await spool.close();
    expect(persisted).toBe(1);
    expect(segments()).toEqual([]);
  });

  it("gives each process a slot of its own, and the next one what a dead one left", async () => {
    const root = makeSpoolFolder();
    const first = await open({ root });
    const second = await open({ root });
    first.record(anExecution("of the first"));
    second.record(anExecution("of the second"));
    await Promise.resolve();
    expect(readdirSync(root).sort()).toEqual(["0", "1"]);
    const after = await open({ root: killed(root) });
    expect(idsOf(await drain(after)).toSorted()).toEqual(["of the first", "of the second"]);
  });

  it("leaves nothing on the disk when nothing waits", async () => {
    const root = makeSpoolFolder();
    const spool = await open({ root });
    spool.begin(anIntent("one"));
    spool.record(anExecution("one"));
    await drain(spool);
    await spool.close();
    expect(readdirSync(join(root, "0"))).toEqual(["modeltier.lock"]);
  });

  it("can be read by its owner alone", async () => {
    const root = makeSpoolFolder();
    await open({ root });
    expect(statSync(join(root, "0")).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, "0", "0000000001.segment")).mode & 0o777).toBe(0o600);
  });

  it("says what to do when its folder cannot be had", async () => {
    const file = join(makeSpoolFolder(), "file");
    writeFileSync(file, "");
    await expect(aSpool({ root: file })).rejects.toThrow(
      /Records cannot be kept in .*file \(E\w+\).*MODELTIER_SPOOL_DIR/,
    );
  });
});
