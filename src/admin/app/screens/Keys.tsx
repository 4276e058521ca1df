import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { AccessService } from "../../../../gen/modeltier/v1/access_service_pb.js";
import { AccessRole, type ApiKey } from "../../../../gen/modeltier/v1/api_key_pb.js";
import { signIn } from "../api/session.ts";
import { Asked, Empty, Problem } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { When } from "../parts/values.tsx";
import { CreateKey } from "./CreateKey.tsx";
import { EndKey } from "./EndKey.tsx";
import { roleName, sayKeys, sayLimits } from "./key-words.ts";
import { LimitKey } from "./LimitKey.tsx";

/** A secret that was just made: shown until the next one, or until the screen is left. */
export type Issued = Readonly<{ name: string; secret: string }>;

export function Keys() {
  const listed = useQuery(AccessService.method.listApiKeys, {}, { refetchInterval: 5_000 });
  const identity = useQuery(AccessService.method.getIdentity, {});
  const [issued, setIssued] = useState<Issued | undefined>();
  const [ending, setEnding] = useState<ApiKey | undefined>();
  const [limiting, setLimiting] = useState<ApiKey | undefined>();
  const isFirst = identity.data?.isOpen === true;
  const take = async (made: Issued) => {
    setIssued(made);
    // The first key closes the service, to this page as well.
    if (isFirst) await signIn(made.secret);
    void listed.refetch();
    void identity.refetch();
  };
  const mayChange = identity.data?.role === AccessRole.ADMIN;
  return (
    <>
      <h1>{listed.data === undefined ? "Keys" : sayKeys(listed.data.apiKeys)}</h1>
      {issued !== undefined && <Secret issued={issued} />}
      <Asked of={listed}>
        {({ apiKeys }) =>
          apiKeys.length === 0 ? (
            <Empty>There is no key yet. The first one ends that everybody here may do everything.</Empty>
          ) : (
            <List keys={apiKeys} mayChange={mayChange} take={take} limit={setLimiting} end={setEnding} />
          )
        }
      </Asked>
      {mayChange ? (
        <CreateKey take={take} isFirst={isFirst} />
      ) : (
        <p className="muted">Keys are made and ended by admins.</p>
      )}
      {limiting !== undefined && (
        <LimitKey
          apiKey={limiting}
          close={() => {
            setLimiting(undefined);
            void listed.refetch();
          }}
        />
      )}
      {ending !== undefined && (
        <EndKey
          apiKey={ending}
          close={() => {
            setEnding(undefined);
            void listed.refetch();
          }}
        />
      )}
    </>
  );
}

function Secret({ issued: { name, secret } }: { issued: Issued }) {
  return (
    <div className="note" role="status">
      <p>
        <strong>The key of {name}, shown this once.</strong> Copy it now: it is kept nowhere.
      </p>
      <p>
        <code data-secret="">{secret}</code>
      </p>
      <button type="button" onClick={() => void navigator.clipboard?.writeText(secret)}>
        Copy
      </button>
    </div>
  );
}

function List({
  keys,
  mayChange,
  take,
  limit,
  end,
}: {
  keys: readonly ApiKey[];
  mayChange: boolean;
  take: (issued: Issued) => Promise<void>;
  limit: (key: ApiKey) => void;
  end: (key: ApiKey) => void;
}) {
  const rotation = useMutation(AccessService.method.rotateApiKey, {
    onSuccess: ({ apiKey, secret }) => void take({ name: apiKey?.name ?? "", secret }),
  });
  return (
    <>
      {rotation.error !== null && <Problem error={rotation.error} />}
      <Table
        caption="Keys"
        rows={keys}
        keyOf={({ keyId }) => keyId}
        columns={[
          { name: "Name", cell: ({ name }) => name },
          { name: "Role", cell: ({ role }) => roleName(role) },
          { name: "Id", cell: ({ keyId }) => <code>{keyId}</code> },
          { name: "Limits", cell: ({ limits }) => sayLimits(limits) },
          { name: "Made", cell: ({ createdAt }) => <When time={createdAt} /> },
          {
            name: "Expires",
            cell: ({ expiresAt }) => (expiresAt === undefined ? "never" : <When time={expiresAt} />),
          },
          {
            name: "Change",
            right: true,
            cell: (key) =>
              mayChange && (
                <span className="row end">
                  <button
                    type="button"
                    disabled={rotation.isPending}
                    title="Makes a new secret; the old one holds for a day yet"
                    aria-label={`Rotate ${key.name}`}
                    onClick={() => rotation.mutate({ keyId: key.keyId })}
                  >
                    Rotate
                  </button>
                  <button type="button" aria-label={`Limit ${key.name}`} onClick={() => limit(key)}>
                    Limit
                  </button>
                  <button type="button" aria-label={`Revoke ${key.name}`} onClick={() => end(key)}>
                    Revoke
                  </button>
                </span>
              ),
          },
        ]}
      />
    </>
  );
}
