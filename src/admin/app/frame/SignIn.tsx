import { type FormEvent, useState } from "react";
import { queries } from "../api/client.ts";
import { signIn } from "../api/session.ts";

/** @param wrong a token was sent and refused */
export function SignIn({ wrong }: { wrong: boolean }) {
  const [token, setToken] = useState("");
  const enter = (event: FormEvent) => {
    event.preventDefault();
    void signIn(token.trim()).then(() => queries.resetQueries());
  };
  return (
    <div className="frame">
      <main id="content">
        <h1>Modeltier</h1>
        <form className="stack" onSubmit={enter} style={{ maxWidth: 420 }}>
          {wrong && (
            <p className="note broken" role="alert">
              The service does not accept this key. Make one with npm run keys -- create --role admin where
              the service runs, or enter the value of its MODELTIER_ADMIN_TOKEN.
            </p>
          )}
          <label>
            <span>Key or admin token</span>
            <input
              type="password"
              autoComplete="current-password"
              required
              value={token}
              aria-invalid={wrong}
              onChange={(event) => setToken(event.target.value)}
            />
          </label>
          <p className="muted">
            It is sent to this service only. Over TLS this browser then keeps a session of 12 hours and not
            the key; without, the key stays in this tab until the tab is closed.
          </p>
          <div>
            <button type="submit" className="main">
              Sign in
            </button>
          </div>
        </form>
      </main>
    </div>
  );
}
