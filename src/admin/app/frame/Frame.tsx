/** What is around every screen: who may come in, where one is, and what one must know before reading a number. */
import { useQuery } from "@connectrpc/connect-query";
import { useEffect, useRef } from "react";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import { AccessRole } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { isUnauthenticated, queries } from "../api/client.ts";
import { signOut, wasEntered } from "../api/session.ts";
import { Empty } from "../parts/states.tsx";
import { useKeys } from "./keys.ts";
import { Link, useAddress } from "./router.tsx";
import { SignIn } from "./SignIn.tsx";
import { findScreen, SCREENS } from "./screens.ts";

const isLoopback = (): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);

export function Frame() {
  useKeys();
  const { path } = useAddress();
  const probe = useQuery(AccessService.method.getIdentity, {}, { meta: { probe: true }, retry: false });
  // Everybody may call, and the rest is behind the admin token.
  const isNobody = probe.data?.isOpen === true && probe.data.role === AccessRole.CALLER;
  const isLetIn = probe.isSuccess && !isNobody;
  const listed = useQuery(
    ProviderService.method.listProviders,
    {},
    { refetchInterval: 15_000, enabled: isLetIn },
  );
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

  // With the notices, so that they push nothing down once it is read. Once, also where it is refused: a screen that asks again
  // makes it pending again, and would be taken away by that and be put back for ever.
  if (probe.isPending || (isLetIn && !listed.isFetched)) return null;
  if (isNobody || (probe.error !== null && isUnauthenticated(probe.error))) {
    return <SignIn wrong={wasEntered()} />;
  }
  const isOpen = probe.data?.isOpen === true;
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
        {probe.data?.isOpen === false && <SignOut />}
      </header>
      <Notices isOpen={isOpen} sandbox={listed.data?.sandbox === true} />
      <main id="content" tabIndex={-1} ref={main}>
        <Show key={path} />
      </main>
    </div>
  );
}

function SignOut() {
  const leave = () => void signOut().then(() => queries.resetQueries());
  return (
    <button type="button" className="last" onClick={leave}>
      Sign out
    </button>
  );
}

function Notices({ isOpen, sandbox }: { isOpen: boolean; sandbox: boolean }) {
  return (
    <aside aria-label="Notices">
      {isOpen && (
        <p className={isLoopback() ? "note" : "note broken"}>
          <strong>This page is open to everyone who reaches this port.</strong> There is no key: whoever opens
          it can change the routing and the budgets. Make the first one: npm run keys -- create --role admin.
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
