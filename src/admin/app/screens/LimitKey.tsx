import { useMutation } from "@connectrpc/connect-query";
import { type FormEvent, useState } from "react";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import type { ApiKey } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { Dialog } from "../parts/dialog.tsx";
import { Problem } from "../parts/states.tsx";
import { LimitFields, limitsIn, limitTexts } from "./limit-fields.tsx";

/** What a key may take, changed where it stands. */
export function LimitKey({ apiKey, close }: { apiKey: ApiKey; close: () => void }) {
  const [texts, setTexts] = useState(limitTexts(apiKey.limits));
  const change = useMutation(AccessService.method.setApiKeyLimits, { onSuccess: close });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate({ keyId: apiKey.keyId, limits: limitsIn(texts) });
  };
  return (
    <Dialog titledBy="limit-title" close={close}>
      <form className="stack" onSubmit={submit}>
        <h2 id="limit-title">What may {apiKey.name} take?</h2>
        <div className="grid fields">
          <LimitFields texts={texts} set={setTexts} />
        </div>
        <p className="muted">
          Together at all replicas, from within five seconds. A call beyond a limit is refused and told when
          to come back.
        </p>
        {change.error !== null && <Problem error={change.error} />}
        <div className="row end">
          <button type="button" onClick={close}>
            Leave it
          </button>
          <button type="submit" className="main" disabled={change.isPending}>
            Set the limits
          </button>
        </div>
      </form>
    </Dialog>
  );
}
