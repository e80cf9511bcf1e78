import { useState } from 'preact/hooks';
import { Field } from '../components/field.tsx';
import { toast } from '../components/toast.tsx';
import { ActionDialog } from './action-dialog.tsx';
import type { AdminApi } from './admin-api.ts';

export interface KeyDialogProps {
  api: AdminApi;
  /** The project whose key it is; undefined: one is named here. */
  projectId: string | undefined;
  /** It has a key, which is replaced. */
  replaces: boolean;
  onDone: () => void;
  onClose: () => void;
}

/** Takes a provider's key to the vault. It is in this dialog and in one request, and nowhere else. */
export function KeyDialog({ api, projectId, replaces, onDone, onClose }: KeyDialogProps) {
  const [project, setProject] = useState(projectId ?? '');
  const [key, setKey] = useState('');
  const [validate, setValidate] = useState(true);
  const run = async (): Promise<void> => {
    const body = { project_id: project.trim(), openai_key: key.trim() };
    if (replaces) {
      await api.send('POST', 'projects/key/rotate', body);
    } else {
      await api.send('POST', 'projects/key', { ...body, ...(validate && { validate }) });
    }
    setKey('');
    toast(replaces ? 'The new key is in use.' : 'The key is in the vault.');
    onDone();
    onClose();
  };
  const isIncomplete = project.trim() === '' || key.trim() === '';
  return (
    <ActionDialog
      title={replaces ? `Rotate the key of ${project}` : 'Deposit a key'}
      action={replaces ? 'Rotate' : 'Deposit'}
      missing={isIncomplete ? 'A project and a key are needed.' : undefined}
      run={run}
      onClose={onClose}
    >
      {replaces ? (
        <p>
          The new key is in use within a second; sessions that are open stay. It is recorded in the audit.
        </p>
      ) : (
        <p>It goes into the vault, and nobody can read it from there again. It is recorded in the audit.</p>
      )}
      {projectId === undefined && (
        <Field
          label="Project"
          value={project}
          onValue={setProject}
          maxLength={63}
          hint="A project that nobody configured is made with the defaults."
        />
      )}
      <Field label="Provider key" secret value={key} onValue={setKey} />
      {!replaces && (
        <label class="check">
          <input
            type="checkbox"
            checked={validate}
            onChange={(event) => {
              setValidate(event.currentTarget.checked);
            }}
          />
          Ask the provider first whether it takes the key
        </label>
      )}
    </ActionDialog>
  );
}
