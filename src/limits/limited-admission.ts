/** Limits of keys before the room of the service: both hold for the same calls, and are left together. */
import type { Admission, Place } from "../admission/admission.ts";
import type { Hold, Limiter } from "./limiter.ts";

/** What a call leaves when it is over. */
export type Leavable = Pick<Place, "leave">;

export type Door = Readonly<{
  /** As `Admission.enter`. @throws RateLimitError, OverloadError */
  enter(key: string, bytes: number, leftMs?: number): Leavable | Promise<Leavable>;
}>;

/** @param nowMs monotonic; the limiter's */
export const limitedAdmission = (
  admission: Pick<Admission, "enter">,
  limiter: Pick<Limiter, "enter">,
  nowMs: () => number,
): Door => ({
  enter(key, bytes, leftMs) {
    const hold = limiter.enter(key);
    if (hold === undefined) return admission.enter(key, bytes, leftMs);
    // A call that the service has no room for is none that its key has taken.
    const giveUp = (error: unknown): never => {
      hold.cancel(nowMs());
      throw error;
    };
    try {
      const place = admission.enter(key, bytes, leftMs);
      return place instanceof Promise
        ? place.then((given) => bothOf(given, hold), giveUp)
        : bothOf(place, hold);
    } catch (error) {
      return giveUp(error);
    }
  },
});

const bothOf = (place: Leavable, hold: Hold): Leavable => ({
  leave() {
    place.leave();
    hold.leave();
  },
});
