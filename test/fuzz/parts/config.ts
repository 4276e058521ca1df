/** Configuration files: what `config export` writes, spoilt. Each is read or refused by its place; what is valid is published and decides. */
import assert from "node:assert/strict";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import fc from "fast-check";
import { ConfigService } from "../../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import type { RoutingConfig } from "../../../gen/modeltier/v1/routing_config_pb.js";
import { ConfigFileError, fromYaml, toYaml } from "../../../src/cli/config-yaml.ts";
import { configToProto } from "../../../src/rpc/convert/routing-config.ts";
import { configDocument } from "../../support/config-arbitrary.ts";
import { at, flipAt, insertAt, position } from "../bytes.ts";
import { LEAKS } from "../leaks.ts";
import { VALUES } from "../mutate.ts";
import { Outcomes, type Part } from "../part.ts";
import { AS_ADMIN, configIn, type Target } from "../target.ts";

type Mutation = (text: string) => string;
type Clients = Readonly<{ config: Client<typeof ConfigService>; router: Client<typeof RouterService> }>;

const MOST_FILES = 40;
/** The line, the way to the field, or which part of the file. */
const NAMES_A_PLACE = /line \d+|^config[.:]|based_on|the file holds|the file must/;

const NUMBERS = [
  "0",
  "1",
  "2",
  "0.5",
  "0.25",
  "3",
  "10",
  "100",
  "1e3",
  "0x10",
  ".inf",
  "-.inf",
  ".nan",
  "-1",
  "0.1s",
  "1s",
  "30s",
];
const WORDS = [
  "~",
  "yes",
  "off",
  "fast",
  "classic",
  "current",
  "|",
  ">-",
  "!!binary AAAA",
  "!!float 1",
  "{}",
  "[]",
  "[1, 2",
  "'",
  '"',
  "*a",
];
const PIECES = [
  "\t",
  "\n",
  ": ",
  "- ",
  "#",
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "? ",
  "<<: ",
  "!!set ",
  "\0",
  "\u2028",
  "\ufeff",
  "&a ",
  "{",
  "]",
];

const onLine =
  (millionths: number, change: (line: string) => string[]): Mutation =>
  (text) => {
    const lines = text.split("\n");
    const index = at(lines.length, millionths);
    return lines.toSpliced(index, 1, ...change(lines[index] ?? "")).join("\n");
  };

const otherValue = (line: string, value: string): string => line.replace(/: .*$|:$/, `: ${value}`);

/** Most of what this makes is a configuration still, and many can be published. */
const otherNumber: fc.Arbitrary<Mutation> = fc
  .tuple(position, fc.constantFrom(...NUMBERS))
  .map(([where, number]) => onLine(where, (line) => [line.replace(/: -?\d+(\.\d+)?s?\b/, `: ${number}`)]));

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 6, arbitrary: otherNumber },
  {
    weight: 2,
    arbitrary: fc
      .tuple(position, fc.constantFrom(...VALUES, ...WORDS))
      .map(([where, value]) => onLine(where, (line) => [otherValue(line, value)])),
  },
  { weight: 1, arbitrary: position.map((where) => onLine(where, () => [])) },
  { weight: 1, arbitrary: position.map((where) => onLine(where, (line) => [line, line])) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(position, fc.integer({ min: 0, max: 6 }))
      .map(([where, spaces]) => onLine(where, (line) => [" ".repeat(spaces) + line.trimStart()])),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(position, fc.constantFrom(...PIECES)).map(
      ([where, piece]): Mutation =>
        (text) =>
          insertAt(Buffer.from(text), at(Buffer.byteLength(text), where), Buffer.from(piece)).toString(),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(position, fc.integer({ min: 1, max: 127 })).map(
      ([where, bits]): Mutation =>
        (text) =>
          flipAt(Buffer.from(text, "latin1"), at(text.length, where), bits).toString("latin1"),
    ),
  },
);

/** @param base the configuration that the service began with */
const fileLike = (base: RoutingConfig): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 4, arbitrary: fc.constant(base) },
        { weight: 1, arbitrary: configDocument.map((document) => configToProto(document)) },
      ),
      fc.array(mutation, { maxLength: 4, size: "max" }),
    )
    .map(([config, mutations]) =>
      mutations.reduce((text, mutate) => mutate(text), toYaml({ config, basedOn: 0n })),
    );

export async function configPart(target: Target): Promise<Part<readonly string[]>> {
  const base = await configIn(await target.service());
  const outcomes = new Outcomes();
  return {
    name: "config",
    unit: "files",
    inputs: fc.array(fileLike(base), { minLength: 1, maxLength: MOST_FILES, size: "max" }),
    usualSize: MOST_FILES / 2,
    sizeOf: ({ length }) => length,
    outcomes,
    async check(files) {
      const { grpcAddress } = await target.service();
      const transport = createGrpcTransport({ baseUrl: `http://${grpcAddress}` });
      const clients = {
        config: createClient(ConfigService, transport),
        router: createClient(RouterService, transport),
      };
      for (const text of files) outcomes.count(await outcomeOf(text, clients));
      await publish(base, clients.config);
      await target.checkWell();
    },
  };
}

async function outcomeOf(text: string, { config: client, router }: Clients): Promise<string> {
  const config = readFile(text);
  if (config === undefined) return "refused as a file";
  const { violations } = await client.validateConfig({ config }, AS_ADMIN);
  for (const { field, description } of violations) {
    assert.match(field, /^[a-z_]/, `a violation names its field: ${description}`);
    assert.notEqual(description, "");
    assert.doesNotMatch(description, LEAKS);
  }
  if (violations.length > 0) return "refused as a configuration";
  await publish(config, client);
  try {
    const { decision } = await router.route({ agentId: "fuzz" }, AS_ADMIN);
    assert.ok(decision !== undefined && decision.model !== "", "a published configuration decides");
    return "published, decided";
  } catch (error) {
    assert.ok(error instanceof ConnectError && error.code === Code.FailedPrecondition, `Route: ${error}`);
    return "published, nothing could be chosen";
  }
}

/** Undefined when it is refused as it should be. */
function readFile(text: string): RoutingConfig | undefined {
  try {
    return fromYaml(text).config;
  } catch (error) {
    assert.ok(error instanceof ConfigFileError, `not a refusal: ${error}`);
    assert.match(error.message, NAMES_A_PLACE);
    assert.doesNotMatch(error.message, LEAKS);
    return undefined;
  }
}

async function publish(config: RoutingConfig, client: Client<typeof ConfigService>): Promise<void> {
  const { versionInForce } = await client.getConfig({}, AS_ADMIN);
  await client.publishConfig({ config, basedOn: versionInForce, comment: "fuzz" }, AS_ADMIN);
}
