import { fieldName } from "../../rpc/validate/violations.ts";
import type { JsonValue } from "./json-value.ts";

/** A value's place as the caller wrote it: "messages[0].content". */
export const nameOf = ({ path }: JsonValue): string => fieldName(path, "proto");
