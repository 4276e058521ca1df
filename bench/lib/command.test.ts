import { expect, it } from "vitest";
import { readCommand } from "./command.ts";
import { CASES } from "./run.ts";

it("runs every case when nothing is said", () => {
  expect(readCommand([])).toMatchObject({ kind: "run", cases: CASES, options: { rounds: 5, seconds: 10 } });
});

it("runs the cases that are named, as often and as long as told", () => {
  const command = readCommand([
    "--only",
    "chat,route",
    "--rounds",
    "3",
    "--soak-minutes",
    "0.5",
    "--out",
    "a.json",
  ]);
  expect(command).toMatchObject({ kind: "run", options: { rounds: 3, soakMinutes: 0.5 }, out: "a.json" });
  expect(command.kind === "run" && command.cases.map(({ name }) => name)).toEqual(["chat", "route"]);
});

it("reads the other commands", () => {
  expect(readCommand(["--compare", "a", "b"])).toEqual({ kind: "compare", first: "a", second: "b" });
  expect(readCommand(["--chart", "a", "b.svg"])).toEqual({ kind: "chart", from: "a", to: "b.svg" });
  expect(readCommand(["--profile", "route"])).toEqual({ kind: "profile", load: "route", seconds: 10 });
});

it.each([
  [["--only", "chat,nothing"], "--only takes"],
  [["--profile", "toString"], "--profile takes"],
  [["--rounds", "0"], "--rounds takes a positive whole number"],
  [["--seconds", "1.5"], "--seconds takes a positive whole number"],
  [["--compare", "a"], "two files"],
  [["chat"], "is not a flag"],
])("refuses %j", (args, message) => {
  expect(() => readCommand(args)).toThrow(message);
});
