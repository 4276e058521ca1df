/** What admission holds, as gauges that are read at every scrape: nothing is counted twice. */
import { Gauge, type Registry } from "prom-client";

/** @param held by the calls in flight */
export function addAdmissionGauges(
  registry: Registry,
  held: Readonly<{ calls: number; bytes: number }>,
): void {
  new Gauge({
    name: "modeltier_calls_in_flight",
    help: "Calls that hold a place, those that wait for providers included.",
    registers: [registry],
    collect() {
      this.set(held.calls);
    },
  });
  new Gauge({
    name: "modeltier_request_bytes_in_flight",
    help: "What the requests of the calls in flight weigh.",
    registers: [registry],
    collect() {
      this.set(held.bytes);
    },
  });
}
