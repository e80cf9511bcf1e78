import { useCallback, useEffect, useState } from 'preact/hooks';
import { Card } from '../components/card.tsx';
import { toast } from '../components/toast.tsx';
import { ActionDialog } from './action-dialog.tsx';
import type { AdminApi } from './admin-api.ts';
import { age } from './format.ts';
import { Pager, usePages } from './pager.tsx';
import { Problem } from './problem.tsx';
import { Records } from './records.tsx';
import type { Session, SessionPage } from './types.ts';
import { emptyText, useLoad } from './use-load.ts';

const PAGE_ROWS = 10;

export interface SessionsProps {
  api: AdminApi;
  now: string | undefined;
  /** Another number whenever sessions began or ended. */
  revision: number;
  onChange: () => void;
}

/** The live sessions, the newest first. */
export function Sessions({ api, now, revision, onChange }: SessionsProps) {
  const pages = usePages();
  const { cursor } = pages;
  const load = useCallback(() => {
    const asked = new URLSearchParams({ state: 'active', limit: String(PAGE_ROWS) });
    if (cursor !== undefined) asked.set('cursor', cursor);
    return api.get<SessionPage>(`sessions?${asked}`);
  }, [api, cursor]);
  const { value, error, reload } = useLoad(load);
  const [ending, setEnding] = useState<Session>();
  useEffect(() => {
    if (revision > 0) reload();
  }, [revision, reload]);
  const next = value?.next_cursor ?? null;
  const close = (): void => {
    setEnding(undefined);
  };
  return (
    <Card title="Live sessions">
      <Problem of="Sessions" error={error} />
      <Records
        caption="Live sessions"
        rows={value?.sessions ?? []}
        keyOf={({ session_id: id }) => id}
        empty={emptyText({ value, error }, 'No session is live.')}
        columns={[
          { name: 'Session', cell: ({ session_id: id }) => <code class="id">{id}</code> },
          { name: 'Project', cell: ({ project_id: id }) => id ?? 'removed' },
          { name: 'Caller', cell: ({ client }) => client ?? 'anybody' },
          { name: 'Model', cell: ({ model }) => <span class="whole">{model}</span> },
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
      {(next !== null || cursor !== undefined) && <Pager of="live sessions" pages={pages} next={next} />}
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
