/** Loaded into the service before anything else: its day is CALENDAR_START's, and the next one after a SIGUSR2. */
const DAY_MS = 86_400_000;
const RealDate = Date;
let offsetMs = Date.parse(process.env.CALENDAR_START ?? "") - RealDate.now();

class CalendarDate extends RealDate {
  constructor(...given: ConstructorParameters<typeof Date> | []) {
    if (given.length === 0) super(RealDate.now() + offsetMs);
    else super(...given);
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}

globalThis.Date = CalendarDate as DateConstructor;
process.on("SIGUSR2", () => {
  offsetMs += DAY_MS;
});
