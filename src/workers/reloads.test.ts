import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SettingsError } from "../settings/reader.ts";
import type { PrimaryMessage } from "./messages.ts";
import { Reloads } from "./reloads.ts";

type Told = Extract<PrimaryMessage, { type: "reload" }>;

/** A worker that hears and does nothing by itself. */
function aWorker() {
  const told: Told[] = [];
  const gone = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  const send = (message: PrimaryMessage) => void (message.type === "reload" && told.push(message));
  return { told, send, gone: gone.promise, die: () => gone.resolve({ code: null, signal: "SIGKILL" }) };
}

function setUp(readAgain: () => Record<string, string>) {
  const workers = [aWorker(), aWorker()] as const;
  const reloads = new Reloads({ readAgain, workers: () => workers });
  return { reloads, workers };
}

const nextTick = () => vi.advanceTimersByTimeAsync(0);

describe("a reload of keys and base URLs", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is done when every worker has said so, and names what changed at any of them", async () => {
    const { reloads, workers } = setUp(() => ({ A: "1" }));
    const outcome = reloads.reload();
    await nextTick();
    const [first, second] = workers.map(({ told }) => told[0] as Told);
    expect(first?.environment).toEqual({ A: "1" });
    reloads.onReloaded(first?.id ?? 0, ["openai", "kimi"]);
    expect(await Promise.race([outcome, nextTick().then(() => "waiting")])).toBe("waiting");
    reloads.onReloaded(second?.id ?? 0, ["kimi"]);
    expect(await outcome).toEqual({ kind: "done", changed: ["kimi", "openai"] });
    expect(reloads.environment).toEqual({ A: "1" });
  });

  it("does not wait for a worker that dies, and only so long for one that hangs", async () => {
    const { reloads, workers } = setUp(() => ({}));
    const outcome = reloads.reload();
    await nextTick();
    workers[0].die();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toEqual({ kind: "incomplete" });

    const next = reloads.reload();
    await nextTick();
    reloads.onReloaded(workers[1].told[1]?.id ?? 0, []);
    expect(await next).toEqual({ kind: "done", changed: [] });
  });

  it("reaches nobody when the settings are wrong, and later workers start with those before", async () => {
    const { reloads, workers } = setUp(() => {
      throw new SettingsError(["KIMI_API_KEY holds spaces"]);
    });
    expect(await reloads.reload()).toEqual({ kind: "refused", problems: ["KIMI_API_KEY holds spaces"] });
    expect(workers.map(({ told }) => told)).toEqual([[], []]);
    expect(reloads.environment).toBeUndefined();
  });

  it("waits for the one before it", async () => {
    let read = 0;
    const { reloads, workers } = setUp(() => ({ A: String(++read) }));
    const [first, second] = [reloads.reload(), reloads.reload()];
    await nextTick();
    expect(workers[0].told.map(({ environment }) => environment.A)).toEqual(["1"]);
    for (const { told } of workers) reloads.onReloaded(told[0]?.id ?? 0, []);
    await first;
    await nextTick();
    expect(workers[0].told.map(({ environment }) => environment.A)).toEqual(["1", "2"]);
    for (const { told } of workers) reloads.onReloaded(told[1]?.id ?? 0, []);
    expect(await second).toEqual({ kind: "done", changed: [] });
  });
});
