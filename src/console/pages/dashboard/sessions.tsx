import { useCallback, useEffect, useState } from 'preact/hooks';
import { Card } from '../components/card.tsx';
import { toast } from '../components/toast.tsx';
import { ActionDialog } from './action-dialog.tsx';
import type { AdminApi } from './admin-api.ts';
import { age, count } from './format.ts';
import { Problem } from './problem.tsx';
import { Records } from './records.tsx';
import type { Session, SessionPage } from './types.ts';
import { useLoad } from './use-load.ts';

const SHOWN = 10;

export interface SessionsProps {
  api: AdminApi;
  now: string | undefined;
  /** Another number whenever sessions began or ended. */
  revision: number;
  onChange: () => void;
}

/** The newest of the live sessions. */
export function Sessions({ api, now, revision, onChange }: SessionsProps) {
  const load = useCallback(() => api.get<SessionPage>(`sessions?state=active&limit=${SHOWN}`), [api]);
  const { value, error, reload } = useLoad(load);
  const [ending, setEnding] = useState<Session>();
  useEffect(() => {
    if (revision > 0) reload();
  }, [revision, reload]);
  const close = (): void => {
    setEnding(undefined);
  };
  return (
    <Card title="Live sessions" aside={<span class="hint">the newest {count(SHOWN)}</span>}>
      <Problem of="Sessions" error={error} />
      <Records
        caption="Live sessions"
        rows={value?.sessions ?? []}
        keyOf={({ session_id: id }) => id}
        empty={value === undefined ? 'Loading …' : 'No session is live.'}
        columns={[
          { name: 'Session', cell: ({ session_id: id }) => <code class="id">{id}</code> },
          { name: 'Project', cell: ({ project_id: id }) => id ?? 'removed' },
          { name: 'Caller', cell: ({ client }) => client ?? 'anybody' },
          { name: 'Model', cell: ({ model }) => model },
          { name: 'Open for', cell: (session) => (now === undefined ? '–' : age(session.opened_at, now)) },
          {
            name: 'Actions',
            cell: (session) => (
              <button
                type="button"
                class="link-button"
                onClick={() => {
                  setEnding(session);
                }}
              >
                End<span class="hidden"> {session.session_id}</span>
              </button>
            ),
          },
        ]}
      />
      {ending !== undefined && (
        <ActionDialog
          title="End this session?"
          action="End it"
          danger
          run={async () => {
            await api.send('DELETE', `sessions/${ending.session_id}`);
            toast('The session has ended.');
            reload();
            onChange();
            close();
          }}
          onClose={close}
        >
          <p>
            <code>{ending.session_id}</code> of {ending.project_id ?? 'a removed project'} gives its slot
            back. What was said with the provider goes on until its own end. It is recorded in the audit.
          </p>
        </ActionDialog>
      )}
    </Card>
  );
}
