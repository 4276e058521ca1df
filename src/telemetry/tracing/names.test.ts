import * as stable from "@opentelemetry/semantic-conventions";
import * as incubating from "@opentelemetry/semantic-conventions/incubating";
import { expect, it } from "vitest";
import { MODELTIER, OTEL } from "./names.ts";

const CONVENTIONS: ReadonlySet<unknown> = new Set(
  [stable, incubating].flatMap((names: Readonly<Record<string, unknown>>) => Object.values(names)),
);

it.each(Object.values(OTEL))("%s is a name of OpenTelemetry's", (name) => {
  expect(CONVENTIONS).toContain(name);
});

it.each(Object.values(MODELTIER))("%s is a name of ours", (name) => {
  expect(name).toMatch(/^modeltier\./);
});
