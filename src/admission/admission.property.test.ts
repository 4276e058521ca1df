import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Admission, type Place } from "./admission.ts";
import { OverloadError } from "./overload-error.ts";
import type { Pressure } from "./pressure.ts";

const LIMITS = { calls: 4, bytes: 100 };

function setUp(limits = LIMITS) {
  const state = { pressure: "none" as Pressure };
  const refusals: string[] = [];
  const waits: number[] = [];
  const admission = new Admission({
    limits,
    pressure: () => state.pressure,
    nowMs: () => performance.now(),
    random: () => 0.5,
    onRefusal: (cause) => refusals.push(cause),
    onWait: (waitedMs) => waits.push(waitedMs),
  });
  const places: Place[] = [];
  /** What becomes of a call: a place, or why there was none. */
  const enter = async (key = "key", bytes = 1, leftMs?: number): Promise<Place | string> => {
    try {
      const place = await admission.enter(key, bytes, leftMs);
      places.push(place);
      return place;
    } catch (error) {
      if (!(error instanceof OverloadError)) throw error;
      return error.overload;
    }
  };
  return { admission, state, enter, places, refusals, waits };
}

const anEvent = fc.oneof(
  fc.record({ kind: fc.constant("enter" as const), key: fc.constantFrom("a", "b", "c"), bytes: fc.nat(120) }),
  fc.record({ kind: fc.constant("leave" as const), index: fc.nat(9) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 120 }) }),
);

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("whatever comes and goes", () => {
  it("never holds more than the limits, settles every call within 100 ms and gives everything back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anEvent, { maxLength: 60 }), async (events) => {
        const { admission, enter, places } = setUp();
        const calls: Promise<Place | string>[] = [];
        for (const event of events) {
          if (event.kind === "enter") calls.push(enter(event.key, event.bytes));
          else if (event.kind === "leave") places[event.index]?.leave();
          else await vi.advanceTimersByTimeAsync(event.ms);
          expect(admission.calls).toBeLessThanOrEqual(LIMITS.calls);
          expect(admission.bytes).toBeLessThanOrEqual(LIMITS.bytes);
        }
        await vi.advanceTimersByTimeAsync(100);
        await Promise.all(calls);
        for (const place of places) place.leave();
        expect([admission.calls, admission.bytes]).toEqual([0, 0]);
      }),
    );
  });
});

describe("a call for which there is no room", () => {
  it("gets the first place that is left, the newest before those that came earlier", async () => {
    const { enter, places, waits } = setUp({ calls: 1, bytes: 100 });
    await enter();
    const older = enter();
    const newer = enter();
    await vi.advanceTimersByTimeAsync(40);
    places[0]?.leave();
    expect(await newer).toBe(places[1]);
    await vi.advanceTimersByTimeAsync(100);
    expect(await older).toBe("calls");
    expect(waits).toHaveLength(1);
  });

  it("is refused at once when its deadline has passed, and does not wait beyond it", async () => {
    const { enter, refusals } = setUp({ calls: 1, bytes: 100 });
    await enter();
    expect(await enter("key", 1, 0)).toBe("calls");
    const hurried = enter("key", 1, 30);
    await vi.advanceTimersByTimeAsync(30);
    expect(await hurried).toBe("calls");
    expect(refusals).toEqual(["calls", "calls"]);
  });

  it("is refused at once when calls stay so long that no room will come in time", async () => {
    const { enter, places } = setUp({ calls: 2, bytes: 100 });
    await enter();
    await vi.advanceTimersByTimeAsync(300);
    places[0]?.leave();
    await enter();
    await enter();
    expect(await enter()).toBe("calls"); // the clock stands still
  });

  it("makes room for newer ones as soon as more wait than can get in, and hears it then", async () => {
    const { enter, places } = setUp({ calls: 4, bytes: 100 });
    await enter();
    await vi.advanceTimersByTimeAsync(200); // with four in flight there is room every 50 ms: for two who wait
    places[0]?.leave();
    for (let call = 0; call < 4; call += 1) await enter();
    const waiting = [enter(), enter(), enter()];
    expect(await waiting[0]).toBe("calls");
    places[1]?.leave();
    places[2]?.leave();
    expect(await Promise.all(waiting.slice(1))).toEqual([places[6], places[5]]);
  });

  it("waits 10 ms once another waited in vain, until a second has passed without", async () => {
    const { enter, places, refusals } = setUp({ calls: 1, bytes: 100 });
    await enter();
    const first = enter();
    await vi.advanceTimersByTimeAsync(60);
    const second = enter();
    await vi.advanceTimersByTimeAsync(39);
    expect(refusals).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await Promise.all([first, second])).toEqual(["calls", "calls"]);
    const third = enter();
    await vi.advanceTimersByTimeAsync(9);
    expect(refusals).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(await third).toBe("calls");
    await vi.advanceTimersByTimeAsync(1_000);
    const patient = enter();
    await vi.advanceTimersByTimeAsync(90);
    places[0]?.leave();
    expect(await patient).toBe(places[1]);
  });

  it("waits no shorter because the deadline of another has passed", async () => {
    const { enter, places } = setUp({ calls: 1, bytes: 100 });
    await enter();
    const patient = enter();
    expect(await Promise.all([enter("key", 1, 20), vi.advanceTimersByTimeAsync(20)])).toEqual(["calls", vi]);
    await vi.advanceTimersByTimeAsync(70);
    places[0]?.leave();
    expect(await patient).toBe(places[1]);
  });

  it("is refused at once when it is larger than all that may be in flight", async () => {
    const { enter } = setUp();
    expect(await enter("key", 101)).toBe("bytes");
  });

  it("waits behind the calls of a key that holds less", async () => {
    const { enter, places } = setUp({ calls: 2, bytes: 100 });
    await enter("flood");
    await enter("flood");
    const quiet = enter("quiet");
    const flooding = enter("flood");
    places[0]?.leave();
    expect(await quiet).toMatchObject({ key: "quiet" });
    await vi.advanceTimersByTimeAsync(100);
    expect(await flooding).toBe("calls");
  });
});

describe("a key that holds more than its share of what is in flight", () => {
  it("is refused at once where there is no room, and leaves the waiting to the others", async () => {
    const { enter, places } = setUp({ calls: 3, bytes: 100 });
    for (const key of ["flood", "flood", "quiet"]) await enter(key);
    const quiet = enter("quiet");
    expect(await enter("flood")).toBe("calls"); // the clock stands still
    places[0]?.leave();
    expect(await quiet).toMatchObject({ key: "quiet" });
  });
});

describe("while the event loop is late", () => {
  it("refuses whoever holds his share or more, and takes the others", async () => {
    const { enter, state } = setUp({ calls: 100, bytes: 1_000 });
    for (let call = 0; call < 20; call += 1) await enter("flood");
    await enter("quiet");
    state.pressure = "late";
    expect(await enter("flood")).toBe("lag");
    expect(await enter("quiet")).toMatchObject({ key: "quiet" });
    state.pressure = "very_late";
    expect(await enter("quiet")).toBe("lag");
  });

  it("takes calls all the same while only few are in flight: they are not what keeps it", async () => {
    const { enter, state } = setUp();
    state.pressure = "very_late";
    expect(await enter()).toMatchObject({ key: "key" });
  });

  it("refuses everybody while the heap is nearly full", async () => {
    const { enter, state } = setUp();
    state.pressure = "heap";
    expect(await enter()).toBe("heap");
  });
});
