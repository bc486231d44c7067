/** A sheet over the view: the browser's own dialog, which keeps the focus in and gives it back. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../texts";
import { CloseIcon } from "./icons";

interface Shape {
  readonly label: string;
  readonly class?: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Sheet({ label, class: kind = "", onClose, children }: Shape) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`sheet ${kind}`}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => {
        // A press beside the sheet is one on the dialog itself.
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class="sheet-inside">
        <button type="button" class="icon-button sheet-close" aria-label={t("close")} onClick={() => dialog.current?.close()}>
          <CloseIcon />
        </button>
        {children}
      </div>
    </dialog>
  );
}
