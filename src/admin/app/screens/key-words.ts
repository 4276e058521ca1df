/** Keys and roles in people's words. */
import { AccessRole, type ApiKey, type KeyLimits } from "../../../../gen/modeltier/v1/api_key_pb.js";

export const ROLES = [AccessRole.CALLER, AccessRole.OPERATOR, AccessRole.ADMIN] as const;

export const roleName = (role: AccessRole): string => (AccessRole[role] ?? "unknown").toLowerCase();

const MAY: Readonly<Record<AccessRole, string>> = {
  [AccessRole.UNSPECIFIED]: "",
  [AccessRole.CALLER]: "A caller asks models, and sees its own executions.",
  [AccessRole.OPERATOR]:
    "An operator sees everything and changes the routing, the providers and the budgets.",
  [AccessRole.ADMIN]: "An admin does all that, and makes and revokes keys.",
};
export const whatRoleMay = (role: AccessRole): string => MAY[role];

/** What a key's calls may take, in the order in which it is shown. */
export const LIMITS = [
  { name: "requestsPerMinute", label: "Requests a minute", unit: "requests a minute" },
  { name: "tokensPerMinute", label: "Tokens a minute", unit: "tokens a minute" },
  { name: "concurrentCalls", label: "Calls at a time", unit: "at a time" },
] as const;
export type LimitName = (typeof LIMITS)[number]["name"];

/** "60 requests a minute, 4 at a time", or "none". */
export function sayLimits(limits: KeyLimits | undefined): string {
  const said = LIMITS.flatMap(({ name, unit }) => {
    const most = limits?.[name];
    return most === undefined ? [] : [`${most.toLocaleString("en-US")} ${unit}`];
  });
  return said.length === 0 ? "none" : said.join(", ");
}

export function sayKeys(keys: readonly ApiKey[]): string {
  const admins = keys.filter(({ role }) => role === AccessRole.ADMIN).length;
  if (keys.length === 0) return "There is no key.";
  const all = keys.length === 1 ? "One key holds" : `${keys.length} keys hold`;
  const ofAdmins = admins === 0 ? "none is" : admins === 1 ? "one is" : `${admins} are`;
  return `${all}; ${ofAdmins} an admin's.`;
}
