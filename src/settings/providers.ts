import type { Dialect } from "../providers/provider.ts";
import type { Environment } from "./environment.ts";
import type { SettingsReader } from "./reader.ts";

/** Where a provider is and how we identify ourselves to it. */
export type ProviderSettings = Readonly<{
  id: string;
  dialect: Dialect;
  baseUrl: string;
  /** Absent: not set. */
  apiKey?: string;
  /** The variables a key is read from, the usual one first. */
  keyVariables: readonly string[];
  /** False for a server of one's own that asks for none. */
  keyRequired: boolean;
  /** A published configuration says where it is, and not the environment. */
  isPublished?: boolean;
}>;

type BuiltIn = Readonly<{
  id: string;
  dialect: Dialect;
  keyVariables: readonly string[];
  baseUrlVariable: string;
  baseUrl: string;
}>;

const BUILT_IN: readonly BuiltIn[] = [
  {
    id: "anthropic",
    dialect: "anthropic",
    keyVariables: ["ANTHROPIC_API_KEY"],
    baseUrlVariable: "ANTHROPIC_BASE_URL",
    baseUrl: "https://api.anthropic.com",
  },
  {
    id: "kimi",
    dialect: "kimi",
    keyVariables: ["KIMI_API_KEY", "MOONSHOT_API_KEY"],
    baseUrlVariable: "KIMI_BASE_URL",
    baseUrl: "https://api.moonshot.ai/v1",
  },
  {
    id: "openai",
    dialect: "openai",
    keyVariables: ["OPENAI_API_KEY"],
    baseUrlVariable: "OPENAI_BASE_URL",
    baseUrl: "https://api.openai.com/v1",
  },
];

/** Set by these, the SDKs would send headers of one provider's account to another; there is no option against it. */
const REFUSED_VARIABLES = ["OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"];

/** The three built-in providers and those that MODELTIER_PROVIDERS names. */
export function readProviders(reader: SettingsReader): readonly ProviderSettings[] {
  for (const name of REFUSED_VARIABLES) {
    if (reader.text(name) !== undefined)
      reader.problem(name, "is set; its headers would reach other providers: unset it");
  }
  return [...BUILT_IN.map((provider) => readBuiltIn(reader, provider)), ...readCustom(reader)];
}

function readBuiltIn(reader: SettingsReader, provider: BuiltIn): ProviderSettings {
  const { id, dialect, keyVariables } = provider;
  return {
    id,
    dialect,
    keyVariables,
    keyRequired: true,
    baseUrl: reader.url(provider.baseUrlVariable, ["https", "http"], provider.baseUrl),
    apiKey: readKey(reader, keyVariables),
  };
}

/** `MODELTIER_PROVIDERS=ollama,my-vllm` reads OLLAMA_BASE_URL, OLLAMA_API_KEY, MY_VLLM_BASE_URL, MY_VLLM_API_KEY. */
function readCustom(reader: SettingsReader): readonly ProviderSettings[] {
  const names = reader.list("MODELTIER_PROVIDERS");
  const taken = new Set(BUILT_IN.map(({ id }) => id));
  return names.flatMap((id) => {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(id)) {
      reader.problem(
        "MODELTIER_PROVIDERS",
        `names "${id}"; use lower-case letters, digits and -, at most 32`,
      );
      return [];
    }
    if (taken.has(id)) {
      reader.problem("MODELTIER_PROVIDERS", `names "${id}", which is there already`);
      return [];
    }
    taken.add(id);
    return readOneCustom(reader, id);
  });
}

function readOneCustom(reader: SettingsReader, id: string): readonly ProviderSettings[] {
  const prefix = id.toUpperCase().replaceAll("-", "_");
  const keyVariables = [`${prefix}_API_KEY`];
  const baseUrl = reader.url(`${prefix}_BASE_URL`, ["https", "http"], undefined);
  if (baseUrl === undefined) {
    if (reader.text(`${prefix}_BASE_URL`) === undefined) {
      reader.problem(`${prefix}_BASE_URL`, `is missing: provider "${id}" of MODELTIER_PROVIDERS needs it`);
    }
    return [];
  }
  return [
    {
      id,
      dialect: "openai",
      baseUrl,
      keyVariables,
      keyRequired: false,
      apiKey: readKey(reader, keyVariables),
    },
  ];
}

/** Every key of the environment that a header can carry, by variable. */
export const readCustomKeys = (environment: Environment): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => {
      const key = value?.trim() ?? "";
      return name.endsWith("_API_KEY") && HEADER_VALUE.test(key) ? [[name, key]] : [];
    }),
  );

const HEADER_VALUE = /^[\x21-\x7e]+$/;

/** A key travels in a header, so it must be printable ASCII; a line end pasted along is the usual mistake. */
function readKey(reader: SettingsReader, variables: readonly string[]): string | undefined {
  const name = variables.find((variable) => reader.text(variable) !== undefined);
  const key = name === undefined ? undefined : reader.text(name);
  if (name !== undefined && key !== undefined && !HEADER_VALUE.test(key)) {
    reader.problem(name, "holds spaces or characters that no key has: paste it again");
  }
  return key;
}
