/** The address is the state: screens, filters and what is open live in it. */
import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from "react";

const CHANGED = "modeltier:address";
const BASE = "/admin";

const subscribe = (changed: () => void): (() => void) => {
  addEventListener("popstate", changed);
  addEventListener(CHANGED, changed);
  return () => {
    removeEventListener("popstate", changed);
    removeEventListener(CHANGED, changed);
  };
};

export type Address = Readonly<{ path: string; query: URLSearchParams }>;

/** Where one is, below /admin: "/executions". */
export function useAddress(): Address {
  const href = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const [path = "", search = ""] = href.split("?");
  return { path: path.slice(BASE.length).replace(/\/+$/, "") || "/", query: new URLSearchParams(search) };
}

export function navigate(to: string, { replace = false } = {}): void {
  const href = BASE + (to === "/" ? "" : to);
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  dispatchEvent(new Event(CHANGED));
  if (!replace) scrollTo(0, 0);
}

/** A path with what is asked there: a list's filters go along to what is opened from it, and back. */
export const withQuery = (path: string, query: URLSearchParams): string =>
  query.size > 0 ? `${path}?${query}` : path;

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { to: string };

/** A link that a new tab can open, too. */
export function Link({ to, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={BASE + (to === "/" ? "" : to)} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
