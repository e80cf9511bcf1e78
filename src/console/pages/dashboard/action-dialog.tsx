import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from '../components/dialog.tsx';
import { type ApiError, toApiError } from './admin-api.ts';
import { Away, Problem } from './problem.tsx';

export interface ActionDialogProps {
  title: string;
  action: string;
  danger?: boolean;
  /** Why it cannot be done yet; undefined when it can. */
  missing?: string | undefined;
  children: ComponentChildren;
  /** Does it, and closes. A failure is shown, and it can be tried again. */
  run: () => Promise<void>;
  onClose: () => void;
}

/** Asks, does it, and says what went wrong. */
export function ActionDialog({ title, action, danger, missing, children, run, onClose }: ActionDialogProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const [told, setTold] = useState(false);
  const isUnknown = error?.code === 'unanswered';
  const confirm = async (): Promise<void> => {
    setTold(missing !== undefined);
    if (busy || missing !== undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      await run();
    } catch (thrown) {
      setError(toApiError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      action={busy ? 'Working …' : action}
      danger={danger ?? false}
      onConfirm={() => void confirm()}
      onCancel={onClose}
    >
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        {children}
        {told && missing !== undefined && (
          <p class="field-error" role="alert">
            {missing}
          </p>
        )}
        <Away.Provider value={false}>
          <Problem of={isUnknown ? 'Unknown whether it was done' : 'Not done'} error={error} />
        </Away.Provider>
      </form>
    </Dialog>
  );
}
