/**
 * What a page of another site may have a browser ask of this service: nothing. Programs that are no browsers send neither
 * Origin nor Sec-Fetch-Site and pass; the name they call the service by is checked all the same, because a page whose
 * name was made to lead here (DNS rebinding) is of the same origin to its browser, and the name is all that gives it away.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { isLoopback } from "../access/loopback.ts";

export type BrowserRules = Readonly<{
  /** The address that is listened on. */
  host: string;
  /** Names by which the service may be called, beside those of this machine. */
  allowedHosts: readonly string[];
}>;

/** @returns what is wrong with where a request comes from; undefined when nothing is */
export function browserGate({ host, allowedHosts }: BrowserRules) {
  const names = new Set(allowedHosts);
  // On a network the service does not know its own names unless it is told.
  const isAnyName = names.size === 0 && !isLoopback(host);
  return (request: IncomingMessage): string | undefined => {
    const { headers } = request;
    if (!isAnyName && !isOwnName(hostnameOf(headers.host ?? ""), names)) {
      return "the Host header names another host: call this one by its address, or add the name to MODELTIER_ALLOWED_HOSTS";
    }
    return isForeign(headers) && !isLinkToPage(request)
      ? "a page of another site may not ask anything here"
      : undefined;
  };
}

function isForeign(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { origin, host } = headers;
  if (origin === undefined) return false;
  return URL.parse(origin)?.host !== host?.toLowerCase();
}

/** Somebody followed a link to the page, which holds nothing and can do nothing by itself. */
const isLinkToPage = ({ method, url = "", headers }: IncomingMessage): boolean =>
  method === "GET" &&
  headers["sec-fetch-mode"] === "navigate" &&
  headers["sec-fetch-dest"] === "document" &&
  /^\/admin(\/|\?|$)/.test(url);

/** No name can be made to lead elsewhere that is an address. */
function isOwnName(name: string, allowed: ReadonlySet<string>): boolean {
  return isIP(name) !== 0 || name === "localhost" || name.endsWith(".localhost") || allowed.has(name);
}

/** Without port and brackets. */
const hostnameOf = (host: string): string => {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d*$/, "");
  return name.toLowerCase();
};

/** On every answer; a route that knows better says so. Nothing of ours is to be framed, guessed at, cached or told to others. */
export function setSafeHeaders(response: ServerResponse): void {
  response.setHeader("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("cache-control", "no-store");
}
