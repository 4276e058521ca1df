import { expect, it } from "vitest";
import { gathered } from "./gathered.ts";

/** Counts what was asked of it. */
function source(count: number, end: () => Promise<void> = async () => undefined) {
  const asked = { items: 0 };
  async function* items() {
    for (let item = 0; item < count; item += 1) {
      asked.items += 1;
      yield item;
    }
    await end();
  }
  return { asked, items: items() };
}

it("puts what comes at once into groups of the greatest size", async () => {
  const groups = await Array.fromAsync(gathered(source(7).items, 3, 60_000));
  expect(groups).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
});

it("hands on what has come when the next is late", async () => {
  let goOn = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const groups = gathered(source(2, () => late).items, 10, 1);
  expect((await groups.next()).value).toEqual([0, 1]);
  goOn();
  expect((await groups.next()).done).toBe(true);
});

it("reads no further than one item ahead while a group is being worked on", async () => {
  const { asked, items } = source(1_000);
  const groups = gathered(items, 10, 60_000);
  await groups.next();
  await new Promise(setImmediate);
  expect(asked.items).toBe(11);
  await groups.return(undefined);
});

it("hands on what came before the stream failed, and then fails", async () => {
  const broken = () => Promise.reject(new Error("broken"));
  const groups = gathered(source(2, broken).items, 10, 60_000);
  expect((await groups.next()).value).toEqual([0, 1]);
  await expect(groups.next()).rejects.toThrow("broken");
});

it("lets go of a stream that says nothing more", async () => {
  const silent = new Promise<void>(() => undefined);
  const groups = gathered(source(1, () => silent).items, 10, 1);
  await groups.next();
  expect((await groups.return(undefined)).done).toBe(true);
});
