/** Where providers of a published configuration may be, beside public addresses. */
import { isRange } from "../providers/outbound.ts";
import type { SettingsReader } from "./reader.ts";

const NAME = "MODELTIER_PRIVATE_UPSTREAMS";
/** Every address there is. */
const ALL: readonly string[] = ["0.0.0.0/0", "::/0"];

/** Addresses and networks; none unless somebody says so. */
export function readPrivateUpstreams(reader: SettingsReader): readonly string[] {
  const items = reader.list(NAME);
  if (items.length === 1 && items[0] === "all") return ALL;
  const wrong = items.find((item) => !isRange(item));
  if (wrong === undefined) return items;
  reader.problem(
    NAME,
    `names "${wrong}"; use addresses and networks like 10.1.2.3,10.8.0.0/16,fd00::/8, or all`,
  );
  return [];
}
