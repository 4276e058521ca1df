/** What is around every screen: who may come in, where one is, and what one must know before reading a number. */
import { useQuery } from "@connectrpc/connect-query";
import { useEffect, useRef } from "react";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { isUnauthenticated, queries } from "../api/client.ts";
import { findToken, forgetToken } from "../api/session.ts";
import { Empty } from "../parts/states.tsx";
import { useKeys } from "./keys.ts";
import { Link, useAddress } from "./router.tsx";
import { SignIn } from "./SignIn.tsx";
import { findScreen, SCREENS } from "./screens.ts";

const isLoopback = (): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);

export function Frame() {
  useKeys();
  const { path } = useAddress();
  // The one question that asks for the token and for nothing else: whoever gets an answer may come in.
  const probe = useQuery(AccessService.method.listBudgets, {}, { meta: { probe: true }, retry: false });
  const listed = useQuery(ProviderService.method.listProviders, {}, { refetchInterval: 15_000 });
  const screen = findScreen(path);
  useEffect(() => {
    document.title = `${screen?.name ?? "Not found"} · Modeltier`;
  }, [screen]);

  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  useEffect(() => {
    // Whoever reads by ear or by key goes on at the new screen's beginning. A search has its own place to go to.
    if (shown.current !== path && !main.current?.contains(document.activeElement)) {
      main.current?.focus({ preventScroll: true });
    }
    shown.current = path;
  }, [path]);

  // With the notices, so that they push nothing down once it is read.
  if (probe.isPending || listed.isPending) return null;
  if (probe.error !== null && isUnauthenticated(probe.error)) {
    return <SignIn wrong={findToken() !== undefined} />;
  }
  const Show = screen?.show ?? NotFound;
  return (
    <div className="frame">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="bar">
        <strong>Modeltier</strong>
        <nav aria-label="Screens">
          {SCREENS.map(({ path: to, name, key }) => (
            <Link
              key={to}
              to={to}
              title={`g ${key}`}
              aria-current={to === (screen?.path ?? "") ? "page" : undefined}
            >
              {name}
            </Link>
          ))}
        </nav>
        {findToken() !== undefined && <SignOut />}
      </header>
      <Notices sandbox={listed.data?.sandbox === true} />
      <main id="content" tabIndex={-1} ref={main}>
        <Show key={path} />
      </main>
    </div>
  );
}

function SignOut() {
  const leave = () => {
    forgetToken();
    void queries.resetQueries();
  };
  return (
    <button type="button" className="last" onClick={leave}>
      Sign out
    </button>
  );
}

function Notices({ sandbox }: { sandbox: boolean }) {
  return (
    <aside aria-label="Notices">
      {findToken() === undefined && (
        <p className={isLoopback() ? "note" : "note broken"}>
          <strong>This page is open to everyone who reaches this port.</strong> No admin token is set: whoever
          opens it can change the routing and the budgets. Set MODELTIER_ADMIN_TOKEN and restart.
        </p>
      )}
      {sandbox && (
        <p className="note">
          <strong>The sandbox answers.</strong> No provider is called and nothing is billed; costs are what
          the real ones would be. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or KIMI_API_KEY to go live.
        </p>
      )}
    </aside>
  );
}

const NotFound = () => (
  <>
    <h1>There is nothing at this address.</h1>
    <Empty>
      <Link to="/">Go to the overview</Link>, or press g and then o.
    </Empty>
  </>
);
