/** Keys on the admin page in a real browser: the first one, signing in with it over TLS, rotating and revoking. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessOf, bearer, refusalOf } from "../support/access.ts";
import { openBrowser, openPage, overhang, seriousFaults } from "../support/browser.ts";
import { makeAuthority } from "../support/certificates.ts";
import { startService } from "../support/service.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

const shownSecret = (page: Page) => page.locator("[data-secret]");

async function make(page: Page, name: string, role?: string): Promise<string> {
  await page.getByLabel("Who or what uses it").fill(name);
  if (role !== undefined) await page.getByLabel("Role").selectOption({ label: role });
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByText(`The key of ${name}, shown this once.`).waitFor();
  return (await shownSecret(page).textContent()) ?? "";
}

describe("the keys on the admin page", () => {
  it("begin with an admin's, with which the page goes on, and are made, rotated and revoked there", async () => {
    const service = await startService();
    try {
      const { page, open, complaints, close } = await openPage(browser, service.httpUrl);
      await open("/keys");
      await page.getByText("This page is open to everyone").waitFor();
      const first = await make(page, "ana");
      await page.getByRole("heading", { name: "One key holds; one is an admin's." }).waitFor();
      const access = accessOf(service);
      expect((await access.getIdentity({}, bearer(first))).name).toBe("ana");
      await refusalOf(access.getIdentity({}));
      await page.getByText("This page is open to everyone").waitFor({ state: "detached" });

      await page.getByLabel("Requests a minute").fill("1200");
      const caller = await make(page, "shop agent", "caller");
      await page.getByRole("cell", { name: "1,200 requests a minute" }).waitFor();
      await page.getByRole("button", { name: "Rotate shop agent" }).click();
      await expect.poll(() => shownSecret(page).textContent()).not.toBe(caller);
      const rotated = (await shownSecret(page).textContent()) ?? "";
      for (const key of [caller, rotated]) {
        expect((await access.getIdentity({}, bearer(key))).name).toBe("shop agent");
      }
      expect(await seriousFaults(page)).toEqual([]);
      expect(await overhang(page)).toBe(0);

      await page.getByRole("button", { name: "Limit shop agent" }).click();
      const dialog = page.getByRole("dialog");
      expect(await seriousFaults(page)).toEqual([]);
      await dialog.getByLabel("Requests a minute").fill("");
      await dialog.getByLabel("Calls at a time").fill("4");
      await dialog.getByRole("button", { name: "Set the limits" }).click();
      await page.getByRole("cell", { name: "4 at a time", exact: true }).waitFor();
      const { apiKeys } = await access.listApiKeys({}, bearer(rotated));
      expect(apiKeys[0]?.limits).toMatchObject({ concurrentCalls: 4 });
      expect(apiKeys[0]?.limits?.requestsPerMinute).toBeUndefined();

      await page.getByRole("button", { name: "Revoke shop agent" }).click();
      await page.getByRole("button", { name: "Revoke it" }).click();
      await page.getByRole("heading", { name: "One key holds; one is an admin's." }).waitFor();
      for (const key of [caller, rotated]) await refusalOf(access.getIdentity({}, bearer(key)));

      await page.reload();
      await page.getByRole("heading", { name: "One key holds" }).waitFor();
      expect(await page.content()).not.toContain(rotated);
      expect(complaints).toEqual([]);
      await close();
    } finally {
      await service.stop();
    }
  });

  it("are signed in with over TLS by a cookie that no script reads, no other page uses, and no revoked key keeps", async () => {
    const authority = await makeAuthority();
    const { certFile, keyFile } = await authority.issue("server", ["DNS:localhost", "IP:127.0.0.1"]);
    const service = await startService({
      env: {
        MODELTIER_ADMIN_TOKEN: "the-admin-token",
        MODELTIER_TLS_CERT_FILE: certFile,
        MODELTIER_TLS_KEY_FILE: keyFile,
      },
    });
    try {
      const opened = await openPage(browser, service.httpUrl, { ignoreHTTPSErrors: true });
      const { page, signIn, open, close } = opened;
      await open("");
      await page.getByLabel("Key or admin token").fill("wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").waitFor();
      expect(await page.context().cookies()).toEqual([]);

      await signIn("the-admin-token");
      await open("/keys");
      const admin = await make(page, "ana", "admin");
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Key or admin token").waitFor();
      expect(await page.context().cookies()).toEqual([]);
      await signIn(admin);
      const [cookie, ...others] = await page.context().cookies();
      expect(others).toEqual([]);
      expect(cookie).toMatchObject({
        name: "__Host-modeltier",
        path: "/",
        httpOnly: true,
        secure: true,
        sameSite: "Strict",
      });
      expect(cookie?.value).not.toContain(admin.slice(20));
      const kept = await page.evaluate(
        "JSON.stringify([document.cookie, Object.values(sessionStorage), Object.values(localStorage)])",
      );
      expect(kept).not.toContain(admin.slice(20));
      expect(kept).not.toContain("__Host-");

      // The cookie alone, without the page's own header, is nobody.
      const bare = await page.evaluate(`fetch("/modeltier.v1.AccessService/GetIdentity", {
        method: "POST", headers: { "content-type": "application/json" }, body: "{}" }).then((answer) => answer.status)`);
      expect(bare).toBe(401);

      await open("/keys");
      await page.getByRole("button", { name: "Revoke ana" }).click();
      await page.getByRole("button", { name: "Revoke it" }).click();
      await page.getByLabel("Key or admin token").waitFor();
      await close();
    } finally {
      await service.stop();
      authority.remove();
    }
  });
});
