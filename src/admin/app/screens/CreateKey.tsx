import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useMutation } from "@connectrpc/connect-query";
import { type FormEvent, useState } from "react";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import { AccessRole } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { Problem } from "../parts/states.tsx";
import type { Issued } from "./Keys.tsx";
import { ROLES, roleName, whatRoleMay } from "./key-words.ts";
import { LimitFields, limitsIn, limitTexts } from "./limit-fields.tsx";

const DAY_MS = 86_400_000;

/** @param isFirst somebody has to be able to make the second */
export function CreateKey({ take, isFirst }: { take: (issued: Issued) => Promise<void>; isFirst: boolean }) {
  const [name, setName] = useState("");
  const [chosen, setRole] = useState(AccessRole.CALLER);
  const role = isFirst ? AccessRole.ADMIN : chosen;
  const [days, setDays] = useState("");
  const [limits, setLimits] = useState(limitTexts(undefined));
  const creation = useMutation(AccessService.method.createApiKey, {
    onSuccess: ({ apiKey, secret }) => {
      void take({ name: apiKey?.name ?? "", secret });
      setName("");
      setLimits(limitTexts(undefined));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const lifetime = days === "" ? undefined : durationFromMs(Number(days) * DAY_MS);
    creation.mutate({ name, role, limits: limitsIn(limits), ...(lifetime && { lifetime }) });
  };
  return (
    <form className="stack card" onSubmit={submit}>
      <h2>Make a key</h2>
      <div className="grid fields">
        <label>
          <span>Who or what uses it</span>
          <input
            required
            data-search=""
            maxLength={128}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <label>
          <span>Role</span>
          <select value={role} onChange={(event) => setRole(Number(event.target.value))}>
            {(isFirst ? [AccessRole.ADMIN] : ROLES).map((one) => (
              <option key={one} value={one}>
                {roleName(one)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Expires after days</span>
          <input
            inputMode="numeric"
            pattern="[1-9]\d{0,3}"
            placeholder="never"
            value={days}
            onChange={(event) => setDays(event.target.value)}
          />
        </label>
        {!isFirst && <LimitFields texts={limits} set={setLimits} />}
      </div>
      <p className="muted">
        {whatRoleMay(role)}
        {isFirst && " The first key is an admin's, and this page goes on with it."}
      </p>
      {creation.error !== null && <Problem error={creation.error} />}
      <div className="row">
        <button type="submit" className="main" disabled={creation.isPending}>
          Make the key
        </button>
      </div>
    </form>
  );
}
