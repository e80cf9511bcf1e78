import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Button } from './button.tsx';

export interface DialogProps {
  title: string;
  /** What the button that goes on says: a verb. */
  action: string;
  danger?: boolean;
  children: ComponentChildren;
  onConfirm: () => void;
  onCancel: () => void;
}

/** Asks before something is done that cannot be undone. It is open as long as it is drawn; Escape cancels. */
export function Dialog({ title, action, danger = false, children, onConfirm, onCancel }: DialogProps) {
  const place = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={place}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onCancel();
      }}
    >
      <h2 id={id}>{title}</h2>
      <div class="dialog-text">{children}</div>
      <div class="dialog-buttons">
        <Button onClick={onCancel}>Cancel</Button>
        <Button look={danger ? 'danger' : 'main'} onClick={onConfirm}>
          {action}
        </Button>
      </div>
    </dialog>
  );
}
