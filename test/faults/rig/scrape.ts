/** Numbers out of a page of Prometheus metrics. */

/** The sum of all series of a metric whose labels hold all of those given. */
export function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samplesOf(page, name, labels).reduce((sum, value) => sum + value, 0);
}

/** Dollars as nano-USD: each series is a whole number of them, and only their sum needs more than a double. */
export function nanoUsdOf(page: string): bigint {
  return samplesOf(page, "modeltier_provider_cost_usd_total").reduce(
    (sum, usd) => sum + BigInt(Math.round(usd * 1e9)),
    0n,
  );
}

function samplesOf(
  page: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly number[] {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return page
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
}
