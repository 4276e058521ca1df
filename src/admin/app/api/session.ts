/**
 * The admin token of this tab. It is kept in sessionStorage: a reload does not ask again, closing the tab forgets it, no other
 * tab or origin sees it, and no script but this page's own runs here (see the policy in page.ts).
 */
const KEY = "modeltier.admin-token";

export const findToken = (): string | undefined => sessionStorage.getItem(KEY) ?? undefined;

export const keepToken = (token: string): void => sessionStorage.setItem(KEY, token);

export const forgetToken = (): void => sessionStorage.removeItem(KEY);
