/** A change of the routing is never one click: what differs, what it would have cost, and why it is made. */
import { type FormEvent, type ReactNode, useState } from "react";
import type { ConfigChange } from "../../../../gen/modeltier/v1/config_pb.js";
import type { RoutingConfig } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { AuthorField, useAuthor } from "../parts/author.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Backtest, useBacktest } from "./Backtest.tsx";

type Props = Readonly<{
  title: string;
  /** What the button says. */
  action: string;
  candidate: RoutingConfig | undefined;
  changes: readonly ConfigChange[] | undefined;
  isBusy: boolean;
  problem?: ReactNode;
  confirm: (words: Readonly<{ comment: string; author: string }>) => void;
  close: () => void;
}>;

export function ChangeDialog({ title, action, candidate, changes, isBusy, problem, confirm, close }: Props) {
  const backtest = useBacktest(candidate);
  const [comment, setComment] = useState("");
  const author = useAuthor();
  const isShown = backtest.report !== undefined || backtest.error !== null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    author.keep();
    confirm({ comment, author: author.author });
  };
  return (
    <Dialog titledBy="change-title" close={close}>
      <form className="stack" onSubmit={submit}>
        <h1 id="change-title">{title}</h1>
        <h2>What changes</h2>
        <Changes of={changes} />
        <h2>Backtest</h2>
        <Backtest state={backtest} />
        {problem && <div ref={bringIntoView}>{problem}</div>}
        <div className="stays stack">
          <div className="grid fields">
            <label>
              <span>Why (required)</span>
              <input
                required
                maxLength={1024}
                value={comment}
                onChange={(event) => setComment(event.target.value)}
              />
            </label>
            <AuthorField of={author} />
          </div>
          <div className="row end">
            <button type="button" onClick={close}>
              Not now
            </button>
            <button type="submit" className="main" disabled={isBusy || !isShown}>
              {action}
            </button>
          </div>
        </div>
      </form>
    </Dialog>
  );
}

function bringIntoView(node: HTMLElement | null): void {
  node?.scrollIntoView({ block: "nearest" });
}

const shown = (json: string): string => (json === "" ? "not there" : json);

export function Changes({ of: changes }: { of: readonly ConfigChange[] | undefined }) {
  if (changes === undefined) return <p className="muted">Comparing …</p>;
  if (changes.length === 0) return <Empty>Nothing differs from what is in force.</Empty>;
  return (
    <Table
      caption="Changes"
      rows={changes}
      keyOf={({ field }) => field}
      columns={[
        { name: "Field", cell: ({ field }) => field },
        { name: "Before", cell: ({ beforeJson }) => <code>{shown(beforeJson)}</code> },
        { name: "After", cell: ({ afterJson }) => <code>{shown(afterJson)}</code> },
      ]}
    />
  );
}
