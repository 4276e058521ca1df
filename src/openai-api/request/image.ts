import type { UserPart } from "../../providers/provider.ts";
import { IMAGE_TYPES } from "../../rpc/validate/bounds.ts";
import type { JsonValue } from "./json-value.ts";

export type ImageRules = Readonly<{
  /** Whether an image may be given by address, which the provider then fetches. */
  allowImageUrls: boolean;
}>;

/** A picture as a data URL, or by its https address where that is allowed. */
export function readImage(url: JsonValue, { allowImageUrls }: ImageRules): readonly UserPart[] {
  const text = url.text();
  if (text === undefined) {
    if (url.isAbsent) url.wrong("is missing: give a data URL");
    return [];
  }
  if (text.startsWith("data:")) return readDataUrl(url, text);
  if (!/^https:\/\/\S+$/.test(text)) url.wrong("is neither a data URL nor an https address");
  else if (allowImageUrls) return [{ kind: "image_url", url: text }];
  else url.wrong("is refused by this server: send a data URL, or set MODELTIER_ALLOW_IMAGE_URLS=true");
  return [];
}

function readDataUrl(url: JsonValue, text: string): readonly UserPart[] {
  const comma = text.indexOf(",");
  const [mediaType = "", ...options] = text.slice("data:".length, Math.max(comma, 0)).split(";");
  const base64 = text.slice(comma + 1);
  if (!IMAGE_TYPES.includes(mediaType)) url.wrong(`is not a data URL of ${IMAGE_TYPES.join(", ")}`);
  else if (options.at(-1) !== "base64" || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    url.wrong("is not a data URL in base64");
  } else return [{ kind: "image", mediaType, data: Buffer.from(base64, "base64") }];
  return [];
}
