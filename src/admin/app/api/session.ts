/**
 * Who is signed in. Over TLS it is a cookie that no script can read. Without TLS a browser keeps no such cookie, so the key stays
 * in this tab's sessionStorage: a reload does not ask again, closing the tab forgets it, no other tab or origin sees it, and no
 * script but this page's own runs here (see the policy in page.ts).
 */
const KEY = "modeltier.admin-token";
/** Over TLS: a key was entered in this tab. */
const ENTERED = "modeltier.key-entered";
const isSecure = location.protocol === "https:";

/** No other site can have a browser send it; the cookie counts only beside it. */
export const PAGE_HEADER = "x-modeltier-page";

export const findToken = (): string | undefined => sessionStorage.getItem(KEY) ?? undefined;

/** A key was entered, whether it is right or not. */
export const wasEntered = (): boolean =>
  sessionStorage.getItem(KEY) !== null || sessionStorage.getItem(ENTERED) !== null;

export async function signIn(token: string): Promise<void> {
  if (!isSecure) return sessionStorage.setItem(KEY, token);
  const headers = { authorization: `Bearer ${token}`, [PAGE_HEADER]: "1" };
  await fetch("/admin/session", { method: "POST", headers }).catch(() => undefined);
  sessionStorage.setItem(ENTERED, "1");
}

export async function signOut(): Promise<void> {
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(ENTERED);
  if (isSecure) await fetch("/admin/session", { method: "DELETE" }).catch(() => undefined);
}
