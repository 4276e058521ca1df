import { type FormEvent, useState } from "react";
import { queries } from "../api/client.ts";
import { keepToken } from "../api/session.ts";

/** @param wrong a token was sent and refused */
export function SignIn({ wrong }: { wrong: boolean }) {
  const [token, setToken] = useState("");
  const enter = (event: FormEvent) => {
    event.preventDefault();
    keepToken(token.trim());
    void queries.resetQueries();
  };
  return (
    <div className="frame">
      <main id="content">
        <h1>Modeltier</h1>
        <form className="stack" onSubmit={enter} style={{ maxWidth: 420 }}>
          {wrong && (
            <p className="note broken" role="alert">
              The service does not accept this token. It is the value of MODELTIER_ADMIN_TOKEN where the
              service was started.
            </p>
          )}
          <label>
            <span>Admin token</span>
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
            It is kept in this tab until the tab is closed, and sent to this service only.
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
