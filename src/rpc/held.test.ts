import { create, type Message } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { RouteRequestSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { Admission, type Place } from "../admission/admission.ts";
import type { Batched } from "./batched.ts";
import { heldStream, heldUnary } from "./held.ts";
import type { AnyMethod } from "./service-entry.ts";

const request = create(RouteRequestSchema);
const limits = { calls: 1, bytes: 10 };
const admissionOf = (): Admission =>
  new Admission({ limits, pressure: () => "none", nowMs: () => 0, random: () => 0 });

/** A call of the method over HTTP, with the signal of its caller. */
function callOf(hold: typeof heldStream, run: AnyMethod, admission = admissionOf()) {
  const caller = new AbortController();
  const context = { signal: caller.signal } as HandlerContext;
  const start = () => hold(run, () => admission.enter("a key", 1))(request, context);
  return { start, caller, admission };
}

type Events = AsyncIterator<Message> & Batched<Message>;
const stream = (run: () => AsyncGenerator<Message>, admission?: Admission) => {
  const call = callOf(heldStream, run, admission);
  return { ...call, events: call.start() as unknown as Events };
};

async function* twoEvents(): AsyncGenerator<Message> {
  yield request;
  yield request;
}
async function* broken(): AsyncGenerator<Message> {
  yield request;
  throw new Error("broken");
}

it("gives a unary call's place back whether it answers at once, later, or not at all", async () => {
  const methods: readonly AnyMethod[] = [
    () => request,
    async () => request,
    () => {
      throw new Error("refused");
    },
    async () => {
      throw new Error("failed");
    },
  ];
  for (const run of methods) {
    const { start, admission } = callOf(heldUnary, run);
    await Promise.resolve()
      .then(start)
      .catch(() => {});
    expect(admission.calls).toBe(0);
  }
});

it("holds a stream's place until its last event, read one by one", async () => {
  const { events, admission } = stream(twoEvents);
  await events.next();
  expect(admission.calls).toBe(1);
  await events.next();
  expect((await events.next()).done).toBe(true);
  expect(admission.calls).toBe(0);
});

it("gives the place of a stream back that fails, and of one that is refused before its first event", async () => {
  const failing = stream(broken);
  await failing.events.next();
  await expect(failing.events.next()).rejects.toThrow("broken");
  const refused = stream(() => {
    throw new Error("refused");
  });
  await expect(refused.events.next()).rejects.toThrow("refused");
  expect([failing.admission.calls, refused.admission.calls]).toEqual([0, 0]);
});

it("gives the place of a stream back that is returned in the middle, read by batches", async () => {
  const { events, admission } = stream(twoEvents);
  expect(await events.nextBatch()).toHaveLength(1);
  expect(admission.calls).toBe(1);
  await events.return?.();
  expect(admission.calls).toBe(0);
});

it("gives the place of a stream back that its caller leaves where it stands", async () => {
  const { events, caller, admission } = stream(twoEvents);
  await events.next();
  caller.abort();
  expect(admission.calls).toBe(0);
});

it.each(["next", "nextBatch"] as const)(
  "ends a stream quietly, and asks nothing, whose caller left before it had a place (%s)",
  async (read) => {
    const admission = admissionOf();
    const first = admission.enter("another key", 1) as Place;
    let asked = 0;
    const { events, caller } = stream(() => {
      asked += 1;
      return twoEvents();
    }, admission);
    const reading = events[read]();
    caller.abort();
    first.leave();
    expect(await reading).toEqual(read === "next" ? { done: true, value: undefined } : undefined);
    await Promise.resolve();
    expect([asked, admission.calls]).toEqual([0, 0]);
  },
);
