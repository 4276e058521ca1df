import { describe, expect, it } from "vitest";
import { Calendar, HOUR_MS, wholeHours } from "./calendar.ts";

const at = (text: string): Date => new Date(text);
const iso = (dates: readonly Date[]): readonly string[] => dates.map((date) => date.toISOString());

describe("a calendar", () => {
  const utc = new Calendar("UTC");
  const berlin = new Calendar("Europe/Berlin");
  const kolkata = new Calendar("Asia/Kolkata");

  it("cuts days where the zone has its midnight", () => {
    expect(utc.dayOf(at("2026-11-25T23:59:59.999Z"))).toEqual(at("2026-11-25T00:00:00Z"));
    expect(berlin.dayOf(at("2026-11-25T22:59:00Z"))).toEqual(at("2026-11-24T23:00:00Z"));
    expect(berlin.dayOf(at("2026-11-25T23:00:00Z"))).toEqual(at("2026-11-25T23:00:00Z"));
    expect(berlin.dayBefore(at("2026-11-25T12:00:00Z"))).toEqual(at("2026-11-23T23:00:00Z"));
  });

  it("knows days of 23 and of 25 hours", () => {
    const lengthOf = (day: string) =>
      (berlin.dayAfter(at(day)).getTime() - berlin.dayOf(at(day)).getTime()) / HOUR_MS;
    expect(lengthOf("2026-03-29T10:00:00Z")).toBe(23);
    expect(lengthOf("2026-10-25T10:00:00Z")).toBe(25);
    expect(lengthOf("2026-10-26T10:00:00Z")).toBe(24);
  });

  it("finds months over changes of the clock", () => {
    expect(berlin.monthOf(at("2026-03-31T20:00:00Z"))).toEqual(at("2026-02-28T23:00:00Z"));
    expect(berlin.monthAfter(at("2026-03-31T20:00:00Z"))).toEqual(at("2026-03-31T22:00:00Z"));
    expect(berlin.monthOf(at("2026-10-31T20:00:00Z"))).toEqual(at("2026-09-30T22:00:00Z"));
    expect(utc.monthAfter(at("2026-12-31T23:30:00Z"))).toEqual(at("2027-01-01T00:00:00Z"));
    expect(utc.monthAfter(at("2028-02-01T00:00:00Z"))).toEqual(at("2028-03-01T00:00:00Z"));
  });

  it("gives an hour to the day it starts in, where the zone is half an hour off", () => {
    expect(kolkata.dayOf(at("2026-11-25T18:45:00Z"))).toEqual(at("2026-11-24T19:00:00Z"));
    expect(kolkata.dayOf(at("2026-11-25T19:00:00Z"))).toEqual(at("2026-11-25T19:00:00Z"));
  });

  it("cuts a window into steps without a gap, the first as long as there is of it", () => {
    const window = { from: at("2026-03-28T12:00:00Z"), to: at("2026-03-31T00:00:00Z") };
    expect(iso(berlin.stepsOf(window, "day"))).toEqual([
      "2026-03-28T12:00:00.000Z",
      "2026-03-28T23:00:00.000Z",
      "2026-03-29T22:00:00.000Z",
      "2026-03-30T22:00:00.000Z",
    ]);
    expect(utc.stepsOf(window, "hour").length).toBe(60);
    const year = { from: at("2026-01-15T00:00:00Z"), to: at("2026-04-02T00:00:00Z") };
    expect(iso(utc.stepsOf(year, "month")).map((step) => step.slice(0, 10))).toEqual([
      "2026-01-15",
      "2026-02-01",
      "2026-03-01",
      "2026-04-01",
    ]);
  });

  it("refuses a zone that there is not", () => {
    expect(() => new Calendar("Mars/Olympus")).toThrow(RangeError);
  });

  it("widens a window to whole hours", () => {
    const window = { from: at("2026-11-25T10:20:00Z"), to: at("2026-11-25T11:00:00.001Z") };
    expect(wholeHours(window)).toEqual({ from: at("2026-11-25T10:00:00Z"), to: at("2026-11-25T12:00:00Z") });
  });
});
