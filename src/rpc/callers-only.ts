/** What the ports that callers reach serve of a service, where operators have a port of their own. */
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ruleOf } from "./access-rules.ts";
import { type AnyMethod, answersOnce, type ServiceEntry } from "./service-entry.ts";

/** The same service, whose methods for operators and admins are UNIMPLEMENTED, whatever key is sent. */
export function callersOnly({ service, implementation }: ServiceEntry): ServiceEntry {
  const methods = service.methods.map((method) => [
    method.localName,
    isForCallers(method) ? implementation[method.localName] : elsewhere(method),
  ]);
  return { service, implementation: Object.fromEntries(methods) };
}

const isForCallers = (method: DescMethod): boolean => {
  const rule = ruleOf(method);
  return rule !== "operator" && rule !== "admin";
};

function elsewhere(method: DescMethod): AnyMethod {
  const refuse = (): never => {
    throw new ConnectError(`${method.name} is served on the admin port only`, Code.Unimplemented);
  };
  if (answersOnce(method)) return async () => refuse();
  // biome-ignore lint/correctness/useYield: a stream that fails at once
  return async function* () {
    refuse();
  };
}
