/** Loaded into the service before anything else: host names under `.test` resolve as their first label says. */
import dns from "node:dns";

type Lookup = (
  hostname: string,
  options: object,
  done: (error: Error | null, ...found: unknown[]) => void,
) => void;

const SLOW_MS = 20_000;
const failed = (code: string): Error => Object.assign(new Error(`getaddrinfo ${code}`), { code });

const ANSWERS: Readonly<Record<string, (done: Parameters<Lookup>[2]) => void>> = {
  "nxdomain.test": (done) => setImmediate(done, failed("ENOTFOUND")),
  "servfail.test": (done) => setImmediate(done, failed("EAI_AGAIN")),
  "slow.test": (done) => void setTimeout(done, SLOW_MS, failed("ENOTFOUND")).unref(),
};

const usual = dns.lookup as unknown as Lookup;
const lookup: Lookup = (hostname, options, done) => {
  const answer = ANSWERS[hostname];
  if (answer === undefined) usual(hostname, options, done);
  else answer(done);
};
dns.lookup = lookup as unknown as typeof dns.lookup;
