/** The overview as it changes. A lost connection keeps what was there and is taken up again. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useEffect, useState } from "react";
import type { Overview } from "../../../../gen/modeltier/v1/analytics_pb.js";
import { timeZone } from "../text/format.ts";
import { analytics } from "./client.ts";

const EVERY_MS = 2_000;
const AGAIN_MS = 3_000;

export type Watched = Readonly<{ overview: Overview | undefined; error: unknown }>;

export function useOverview(): Watched {
  const [watched, setWatched] = useState<Watched>({ overview: undefined, error: null });
  useEffect(() => {
    const leaving = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    const watch = async () => {
      try {
        const request = { timeZone: timeZone(), interval: durationFromMs(EVERY_MS) };
        for await (const { overview } of analytics.watchOverview(request, { signal: leaving.signal })) {
          setWatched({ overview, error: null });
        }
      } catch (error) {
        if (leaving.signal.aborted) return;
        setWatched((before) => ({ ...before, error }));
      }
      if (!leaving.signal.aborted) again = setTimeout(watch, AGAIN_MS);
    };
    void watch();
    return () => {
      leaving.abort();
      clearTimeout(again);
    };
  }, []);
  return watched;
}
