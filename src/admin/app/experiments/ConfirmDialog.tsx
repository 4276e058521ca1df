/** Says what will happen, and asks once more. */
import type { FormEvent, ReactNode } from "react";
import { Dialog } from "../parts/dialog.tsx";
import { Problem } from "../parts/states.tsx";

export function ConfirmDialog({
  title,
  action,
  error,
  isBusy,
  confirm,
  close,
  children,
}: {
  title: string;
  /** What the button says. */
  action: string;
  /** Null: none. */
  error: unknown;
  isBusy: boolean;
  confirm: () => void;
  close: () => void;
  children: ReactNode;
}) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm();
  };
  return (
    <Dialog titledBy="confirm-title" close={close}>
      <form className="stack" onSubmit={submit}>
        <h2 id="confirm-title">{title}</h2>
        {children}
        {error !== null && <Problem error={error} />}
        <div className="row end">
          <button type="button" onClick={close}>
            Not now
          </button>
          <button type="submit" className="main" disabled={isBusy}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
