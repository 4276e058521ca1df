import { useMutation } from "@connectrpc/connect-query";
import { useRef } from "react";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import type { ApiKey } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { Problem } from "../parts/states.tsx";

/** Asks once more: there is no way back. */
export function EndKey({ apiKey, close }: { apiKey: ApiKey; close: () => void }) {
  const revocation = useMutation(AccessService.method.revokeApiKey, { onSuccess: close });
  const opened = useRef(false);
  return (
    <dialog
      aria-labelledby="revoke-title"
      onClose={close}
      ref={(dialog) => {
        if (dialog !== null && !opened.current) {
          opened.current = true;
          dialog.showModal();
        }
      }}
    >
      <div className="stack">
        <h2 id="revoke-title">Revoke the key of {apiKey.name}?</h2>
        <p>Whoever uses it is refused at every replica within five seconds, for good.</p>
        {revocation.error !== null && <Problem error={revocation.error} />}
        <div className="row end">
          <button type="button" onClick={close}>
            Keep it
          </button>
          <button type="button" className="main" onClick={() => revocation.mutate({ keyId: apiKey.keyId })}>
            Revoke it
          </button>
        </div>
      </div>
    </dialog>
  );
}
