/** The role matrix, from the same rules that are enforced. */
import type { Role, Rule } from "../access/types.ts";
import { GRPC_RULES, HTTP_RULES, SERVICE_RULES } from "./access-rules.ts";

export type Cell = "yes" | "own" | "token" | "";
/** One thing that can be asked for, and what comes of it for whom. `nobody` sends no key. */
export type MatrixRow = Readonly<{ what: string; rule: Rule } & Record<Role | "nobody", Cell>>;

/** Which roles may do something of a rule. */
const CELLS: Readonly<Record<Rule, Readonly<Record<Role | "nobody", Cell>>>> = {
  anyone: { nobody: "yes", caller: "yes", operator: "yes", admin: "yes" },
  caller: { nobody: "", caller: "yes", operator: "yes", admin: "yes" },
  own: { nobody: "", caller: "own", operator: "yes", admin: "yes" },
  private: { nobody: "", caller: "own", operator: "own", admin: "yes" },
  operator: { nobody: "", caller: "", operator: "yes", admin: "yes" },
  admin: { nobody: "", caller: "", operator: "", admin: "yes" },
  metrics: { nobody: "token", caller: "", operator: "yes", admin: "yes" },
};

export function listMatrix(): readonly MatrixRow[] {
  const rpcs = SERVICE_RULES.flatMap(({ service, rules }) =>
    service.methods.map(({ name, localName }): readonly [string, Rule] => {
      const rule = rules[localName];
      if (rule === undefined) throw new Error(`${service.typeName}.${name} has no access rule`);
      return [`${service.typeName}/${name}`, rule];
    }),
  );
  const all = [...rpcs, ...Object.entries(GRPC_RULES), ...Object.entries(HTTP_RULES)];
  return all.map(([what, rule]) => ({ what, rule, ...CELLS[rule] }));
}
