/** Who is in which arm: a function of names alone, so that every replica agrees and nobody has to remember. */
import { createHash } from "node:crypto";

/** @property weight relative to the other arms; 0: nobody */
export type Arm = Readonly<{ name: string; weight: number }>;

/**
 * The arm of a unit (an agent, a session or a request), by weighted rendezvous hashing: each arm draws for the unit, and the shortest
 * waiting time -ln(u) / weight wins. When one arm grows against the others, units move into that arm and nowhere else. For a
 * ramp, list "outside the experiment" as an arm and let it shrink.
 * @param experiment names the draw: other experiments are independent of it
 * @throws RangeError naming a weight that is negative or not finite, an arm that is there twice, or that all weights are 0
 */
export function assign(experiment: string, unit: string, arms: readonly Arm[]): string {
  let shortest = Number.POSITIVE_INFINITY;
  let chosen: string | undefined;
  const seen = new Set<string>();
  for (const { name, weight } of arms) {
    if (!(weight >= 0 && Number.isFinite(weight))) {
      throw new RangeError(`weight of arm ${name} must be a number from 0 on, not ${weight}`);
    }
    if (seen.has(name)) throw new RangeError(`arm ${name} is there twice; give each arm a name of its own`);
    seen.add(name);
    if (weight === 0) continue;
    const waiting = -Math.log(uniform([experiment, unit, name])) / weight;
    if (waiting < shortest) [shortest, chosen] = [waiting, name];
  }
  if (chosen === undefined) throw new RangeError("an experiment needs an arm with a weight above 0");
  return chosen;
}

/** In (0, 1), from 48 bits of a hash. Parts are written as JSON so that ("a", "bc") is not ("ab", "c"). */
function uniform(parts: readonly string[]): number {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest();
  return (hash.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
