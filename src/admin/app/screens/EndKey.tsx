import { useMutation } from "@connectrpc/connect-query";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import type { ApiKey } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { Dialog } from "../parts/dialog.tsx";
import { Problem } from "../parts/states.tsx";

/** Asks once more: there is no way back. */
export function EndKey({ apiKey, close }: { apiKey: ApiKey; close: () => void }) {
  const revocation = useMutation(AccessService.method.revokeApiKey, { onSuccess: close });
  return (
    <Dialog titledBy="revoke-title" close={close}>
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
    </Dialog>
  );
}
