/** Days and months of a time zone, made of whole hours in UTC: where rollups can be cut. */

/** From its first moment to the first one after it. */
export type Window = Readonly<{ from: Date; to: Date }>;

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The window widened to whole hours in UTC. */
export const wholeHours = ({ from, to }: Window): Window => ({
  from: hourOf(from),
  to: new Date(Math.ceil(to.getTime() / HOUR_MS) * HOUR_MS),
});

/** The start of the hour in UTC that a moment is in. */
export const hourOf = (at: Date): Date => new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);

const later = (at: Date, ms: number): Date => new Date(at.getTime() + ms);

export const GRANULARITIES = ["hour", "day", "month"] as const;
export type Granularity = (typeof GRANULARITIES)[number];

type LocalDay = Readonly<{ day: string; dayOfMonth: number }>;

/** An hour belongs to the day in which it starts; that matters only in zones that are not whole hours off UTC. */
export class Calendar {
  readonly #format: Intl.DateTimeFormat;

  /** @param zone an IANA name, "Europe/Berlin" @throws RangeError when there is no such zone */
  constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat("en", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
  }

  /** The first hour of the day that a moment is in. */
  dayOf(at: Date): Date {
    let start = hourOf(at);
    const { day } = this.#local(start);
    while (this.#local(later(start, -HOUR_MS)).day === day) start = later(start, -HOUR_MS);
    return start;
  }

  /** The first hour of the day after the one that a moment is in. Days are from 23 to 25 hours long, as a rule. */
  dayAfter(at: Date): Date {
    const { day } = this.#local(hourOf(at));
    let next = later(this.dayOf(at), 22 * HOUR_MS);
    while (this.#local(next).day === day) next = later(next, HOUR_MS);
    return next;
  }

  /** The first hour of the day before the one that a moment is in. */
  dayBefore(at: Date): Date {
    return this.dayOf(later(this.dayOf(at), -HOUR_MS));
  }

  /** The first hour of the month that a moment is in. */
  monthOf(at: Date): Date {
    const start = this.dayOf(at);
    const { dayOfMonth } = this.#local(start);
    // From midday to midday, so that a change of the clock in between does not lead into another day.
    return this.dayOf(later(start, DAY_MS / 2 - (dayOfMonth - 1) * DAY_MS));
  }

  monthAfter(at: Date): Date {
    return this.monthOf(later(this.monthOf(at), 32 * DAY_MS));
  }

  /** The starts of the steps that a window in whole hours is made of; the first may begin in the middle of one. */
  stepsOf({ from, to }: Window, granularity: Granularity): readonly Date[] {
    const steps: Date[] = [];
    for (let step = from; step < to; step = this.#next(step, granularity)) steps.push(step);
    return steps;
  }

  #next(step: Date, granularity: Granularity): Date {
    if (granularity === "hour") return later(step, HOUR_MS);
    return granularity === "day" ? this.dayAfter(step) : this.monthAfter(step);
  }

  #local(at: Date): LocalDay {
    const parts = this.#format.formatToParts(at);
    const read = (type: Intl.DateTimeFormatPartTypes) =>
      parts.find((part) => part.type === type)?.value ?? "";
    const dayOfMonth = read("day");
    return { day: `${read("year")}-${read("month")}-${dayOfMonth}`, dayOfMonth: Number(dayOfMonth) };
  }
}
