import { type ReactNode, useRef } from "react";

/** In front of everything else on the page, until it is answered or left with Escape. @param titledBy the id of its heading */
export function Dialog({
  titledBy,
  close,
  children,
}: {
  titledBy: string;
  close: () => void;
  children: ReactNode;
}) {
  const opened = useRef(false);
  return (
    <dialog
      aria-labelledby={titledBy}
      onClose={close}
      ref={(dialog) => {
        if (dialog !== null && !opened.current) {
          opened.current = true;
          dialog.showModal();
        }
      }}
    >
      {children}
    </dialog>
  );
}
