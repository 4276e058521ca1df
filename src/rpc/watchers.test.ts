import type { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { SharedReads, Watchers } from "./watchers.ts";

const OPTIONS = { intervalMs: 5_000, longestMs: 15_000, signal: new AbortController().signal };

describe("watchers", () => {
  it("see the next answer at every interval, until they have seen enough", async () => {
    let count = 0;
    const seen = await Array.fromAsync(
      new Watchers().watch(async () => ++count, { ...OPTIONS, intervalMs: 1, longestMs: 5 }),
    );
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it("are only so many, and one that leaves makes room", async () => {
    const watchers = new Watchers();
    const streams = Array.from({ length: 50 }, () => watchers.watch(async () => "news", OPTIONS));
    for (const stream of streams) await stream.next();
    const refused = watchers.watch(async () => "news", OPTIONS).next();
    await expect(refused).rejects.toSatisfy((error: ConnectError) =>
      error.rawMessage.startsWith("50 others are watching"),
    );
    await streams[7]?.return(undefined);
    expect(await watchers.watch(async () => "news", OPTIONS).next()).toEqual({ done: false, value: "news" });
    watchers.close();
  });

  it.each(["the caller leaves", "the watchers are closed"])("end without an error when %s", async (what) => {
    const watchers = new Watchers();
    const caller = new AbortController();
    const stream = watchers.watch(async () => "news", { ...OPTIONS, signal: caller.signal });
    await stream.next();
    const next = stream.next();
    if (what === "the caller leaves") caller.abort();
    else watchers.close();
    expect((await next).done).toBe(true);
  });

  it("hear of a failure, and leave room for others", async () => {
    const watchers = new Watchers();
    const failing = () => watchers.watch(() => Promise.reject(new Error("away")), OPTIONS).next();
    for (let tries = 0; tries < 60; tries += 1) await expect(failing()).rejects.toThrow("away");
  });
});

describe("shared reads", () => {
  it("ask once for all who want the same within their time", async () => {
    let nowMs = 0;
    let reads = 0;
    const shared = new SharedReads<number>(1_000, () => nowMs);
    const get = (key: string) => shared.get(key, async () => ++reads);
    expect(await Promise.all([get("a"), get("a"), get("b")])).toEqual([1, 1, 2]);
    nowMs = 999;
    expect(await get("a")).toBe(1);
    nowMs = 1_000;
    expect(await get("a")).toBe(3);
  });

  it("do not keep a failure", async () => {
    const shared = new SharedReads<string>(1_000, () => 0);
    await expect(shared.get("a", () => Promise.reject(new Error("away")))).rejects.toThrow("away");
    expect(await shared.get("a", async () => "back")).toBe("back");
  });
});
