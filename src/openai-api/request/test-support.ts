/** Reading requests in tests: what came of one, or how it was refused. */
import { toApiError } from "../errors.ts";
import { bodyWith, MODELS } from "../test-support.ts";
import { type Call, type ChatRequest, type ReadingDeps, readRequest } from "./read-request.ts";

export const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
export const DEPS: ReadingDeps = { ...MODELS, rules: { allowImageUrls: false } };

type Fields = Readonly<Record<string, unknown>>;
type Headers = Readonly<Record<string, string>>;

/** The smallest request with these fields and headers. */
export const read = (rest: Fields, headers: Headers = {}, deps: ReadingDeps = DEPS): ChatRequest =>
  readRequest(bodyWith(rest), headers, deps);

export const callOf = (rest: Fields, headers: Headers = {}): Call => read(rest, headers).call;

/** "status code param: message", or "taken". */
export function refusal(rest: Fields, headers: Headers = {}, deps: ReadingDeps = DEPS): string {
  try {
    read(rest, headers, deps);
    return "taken";
  } catch (error) {
    const { status, code, param, message } = toApiError(error, SILENT).details;
    return `${status} ${code} ${param}: ${message}`;
  }
}

export const WEATHER = {
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};
