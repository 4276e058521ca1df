/** The recorded bodies of test/fixtures/providers with their ground truth. */
import { readFileSync } from "node:fs";
import type { Dialect } from "../../src/providers/provider.ts";

type Digest = Readonly<{ sha256: string; chars: number; bytes: number }>;

export type Expected = Readonly<{
  complete: boolean;
  model: string | null;
  text: Digest;
  reasoning: Digest;
  refusal: Digest;
  finish: string | null;
  usage: Readonly<{
    input: number;
    cached: number | null;
    cache_write: number | null;
    output: number;
    reasoning: number | null;
  }> | null;
  tool_calls: readonly Readonly<{ id: string; name: string; arguments: string }>[];
  error: Readonly<{ status: number | null; type: string; message: string }> | null;
}>;

type ManifestEntry = Readonly<{
  file: string;
  status: number;
  response_headers: Readonly<Record<string, string>>;
  expect: Expected;
}>;

export type Fixture = ManifestEntry &
  Readonly<{ dialect: Dialect; name: string; body: Buffer; streamed: boolean }>;

const root = new URL("../fixtures/providers/", import.meta.url);

function load(dialect: Dialect): Fixture[] {
  const manifest: ManifestEntry[] = JSON.parse(
    readFileSync(new URL(`${dialect}/manifest.json`, root), "utf8"),
  );
  return manifest.map((entry) => ({
    ...entry,
    dialect,
    name: `${dialect}/${entry.file}`,
    body: readFileSync(new URL(`${dialect}/${entry.file}`, root)),
    streamed: entry.file.endsWith(".sse"),
  }));
}

export const FIXTURES: readonly Fixture[] = [...load("openai"), ...load("anthropic"), ...load("kimi")];

/** Streams that end as their provider ends a good answer. */
export const WHOLE_STREAMS = FIXTURES.filter(({ streamed, expect }) => streamed && expect.complete);

/** @param name as in `openai/text.json` */
export function getFixture(name: string): Fixture {
  const fixture = FIXTURES.find((candidate) => candidate.name === name);
  if (fixture === undefined) throw new Error(`no fixture ${name}`);
  return fixture;
}
