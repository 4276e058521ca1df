/** How two documents differ, field by field. */

export type Json = null | boolean | number | string | readonly Json[] | Readonly<{ [key: string]: Json }>;

export type ConfigChange = Readonly<{
  /** "tiers.balanced.targets[0].model" */
  path: string;
  /** Absent: it was not there. */
  before?: Json;
  /** Absent: it is not there any more. */
  after?: Json;
}>;

/** The fields that differ, in the order in which they stand. What was added or is gone is one change, however much is in it. */
export function diffJson(before: Json | undefined, after: Json | undefined, path = ""): ConfigChange[] {
  if (before === undefined && after === undefined) return [];
  if (before === undefined || after === undefined) {
    return [{ path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
  }
  if (isList(before) && isList(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, index) =>
      diffJson(before[index], after[index], `${path}[${index}]`),
    ).flat();
  }
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    const at = (key: string) => (path === "" ? key : `${path}.${key}`);
    return [...keys].flatMap((key) => diffJson(before[key], after[key], at(key)));
  }
  return before === after ? [] : [{ path, before, after }];
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
const isRecord = (value: Json): value is Readonly<{ [key: string]: Json }> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
