import { create } from "@bufbuild/protobuf";
import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { type ConfigVersion, ConfigVersionSchema } from "../../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { Asked, Empty, Problem } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { When } from "../parts/values.tsx";
import { ChangeDialog } from "./ChangeDialog.tsx";

/** What one can always go back to. */
const PRESET = create(ConfigVersionSchema, {
  author: "–",
  comment: "What the preset and the environment give.",
});

export function History({ inForce, rollBack }: { inForce: bigint; rollBack: (version: bigint) => void }) {
  const listed = useQuery(
    ConfigService.method.listConfigVersions,
    { pageSize: 50 },
    { refetchInterval: 5_000 },
  );
  return (
    <section className="stack card">
      <h2>History</h2>
      <Asked of={listed}>
        {({ versions }) =>
          versions.length === 0 ? (
            <Empty>
              Nothing was published yet: the preset and the environment decide. Change something to publish
              v1.
            </Empty>
          ) : (
            <Table
              caption="Published versions, newest first"
              rows={[...versions, PRESET]}
              keyOf={({ version }) => String(version)}
              columns={[
                {
                  name: "Version",
                  cell: ({ version }) =>
                    `${version === 0n ? "preset" : `v${version}`}${version === inForce ? " (in force)" : ""}`,
                },
                {
                  name: "When",
                  cell: ({ version, createdAt }) => (version === 0n ? "–" : <When time={createdAt} />),
                },
                { name: "Who", cell: ({ author }) => author },
                { name: "Why", cell: ({ comment }) => comment || "–" },
                {
                  name: "Go back",
                  cell: ({ version }) =>
                    version === inForce ? (
                      "–"
                    ) : (
                      <button type="button" onClick={() => rollBack(version)}>
                        Roll back to {version === 0n ? "the preset" : `v${version}`}
                      </button>
                    ),
                },
              ]}
            />
          )
        }
      </Asked>
    </section>
  );
}

/** Going back is a change like any other: with its diff, its backtest and a reason. */
export function RollbackDialog({
  version,
  inForce,
  close,
  done,
}: {
  version: bigint;
  inForce: bigint;
  close: () => void;
  done: (published: ConfigVersion | undefined) => void;
}) {
  const wanted = useQuery(ConfigService.method.getConfig, { version }, { staleTime: Infinity });
  const diff = useQuery(ConfigService.method.diffConfig, { fromVersion: inForce, toVersion: version });
  const rollback = useMutation(ConfigService.method.rollbackConfig, {
    onSuccess: (answer) => done(answer.version),
  });
  const [basedOn] = useState(inForce);
  const problem = rollback.error ?? wanted.error ?? diff.error;
  return (
    <ChangeDialog
      title={`Roll back to ${version === 0n ? "the preset" : `v${version}`}`}
      action="Roll back"
      candidate={wanted.data?.config}
      changes={diff.data?.changes}
      isBusy={rollback.isPending}
      problem={problem !== null && <Problem error={problem} />}
      confirm={(words) => rollback.mutate({ version, basedOn, ...words })}
      close={close}
    />
  );
}
