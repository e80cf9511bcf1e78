import { useState } from 'preact/hooks';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { toast } from '../components/toast.tsx';
import { ActionDialog } from './action-dialog.tsx';
import type { AdminApi } from './admin-api.ts';
import { age, count, counted, dateTime, percent, shortFingerprint } from './format.ts';
import { KeyDialog } from './key-dialog.tsx';
import { Problem } from './problem.tsx';
import { Records } from './records.tsx';
import type { Project, ProjectList, Quota, Stats } from './types.ts';
import { emptyText, type Loaded } from './use-load.ts';

type Asked = { kind: 'key' | 'suspend' | 'resume'; project: Project } | { kind: 'deposit' };

export interface ProjectsProps {
  api: AdminApi;
  list: Loaded<ProjectList>;
  stats: Stats | undefined;
  /** By project, as the stream tells them; without it, as the list did. */
  live: Readonly<Record<string, number>> | undefined;
}

/** What is configured, how full it is, and what can be done about it. */
export function Projects({ api, list, stats, live }: ProjectsProps) {
  const [asked, setAsked] = useState<Asked>();
  const close = (): void => {
    setAsked(undefined);
  };
  const tallies = new Map((stats?.projects ?? []).map((each) => [each.project_id, each]));
  const now = stats?.now;
  return (
    <Card
      title="Projects"
      aside={
        <Button
          onClick={() => {
            setAsked({ kind: 'deposit' });
          }}
        >
          Deposit a key
        </Button>
      }
    >
      <Problem of="Projects" error={list.error} />
      <Records
        caption="Projects"
        rows={list.value?.projects ?? []}
        keyOf={({ name }) => name}
        empty={emptyText(list, 'No project is configured. Deposit a key to make one.')}
        columns={[
          { name: 'Project', cell: (project) => <strong class="id">{project.project_id}</strong> },
          { name: 'State', cell: (project) => <State project={project} /> },
          {
            name: 'Slots',
            cell: (project) => (
              <Slots
                taken={live === undefined ? project.active_sessions : (live[project.project_id] ?? 0)}
                cap={project.max_concurrent}
                of={project.project_id}
              />
            ),
          },
          {
            name: 'Quota',
            cell: ({ project_id: id }) => <QuotaUse quota={tallies.get(id)?.quota ?? null} />,
          },
          { name: 'Key', cell: (project) => <KeyState project={project} now={now} /> },
          {
            name: 'Actions',
            cell: (project) => (
              <Actions
                project={project}
                onAsk={(kind) => {
                  setAsked({ kind, project });
                }}
              />
            ),
          },
        ]}
      />
      <Problems of={list.value} />
      {asked !== undefined && <Asking api={api} asked={asked} onDone={list.reload} onClose={close} />}
    </Card>
  );
}

function State({ project }: { project: Project }) {
  if (project.suspended) return <Badge tone="bad">Suspended</Badge>;
  // A condition that holds for another reason than its own holds with a reservation.
  const wrong = project.conditions.filter(({ type, status, reason }) => status !== 'True' || reason !== type);
  const ready = project.ready && <Badge tone="good">Ready</Badge>;
  if (wrong.length === 0) return ready;
  // Two conditions often have one cause.
  const causes = new Map(wrong.map(({ reason, message }) => [reason, message]));
  return (
    <ul class="conditions">
      {ready && <li>{ready}</li>}
      {[...causes].map(([reason, message]) => (
        <li key={reason}>
          <Badge tone="bad">{reason}</Badge> <span class="hint">{message}</span>
        </li>
      ))}
    </ul>
  );
}

function Slots({ taken, cap, of }: { taken: number | null; cap: number; of: string }) {
  if (taken === null) return <span>– of {count(cap)}</span>;
  const share = Math.min(taken / cap, 1);
  return (
    <span class="slots">
      <span data-slots={of}>
        {count(taken)} of {count(cap)}
      </span>
      <span class="bar" aria-hidden="true">
        <span class={share === 1 ? 'bar-bad' : ''} style={{ width: `${100 * share}%` }} />
      </span>
    </span>
  );
}

function QuotaUse({ quota }: { quota: Quota | null }) {
  if (quota === null) return <span class="hint">none</span>;
  const { used, limit } = quota;
  return (
    <span title={`until ${dateTime(quota.resets_at)}`}>
      {count(used)} of {count(limit)}
      {limit > 0 && <span class="hint"> ({percent(used / limit)})</span>}
    </span>
  );
}

function KeyState({ project, now }: { project: Project; now: string | undefined }) {
  const { key_fingerprint: fingerprint, key_loaded_at: loadedAt } = project;
  if (fingerprint === null) return <Badge tone="bad">no key</Badge>;
  return (
    <span class="key-state">
      <code title={fingerprint}>{shortFingerprint(fingerprint)}</code>
      {loadedAt !== null && now !== undefined && <span class="hint">in use for {age(loadedAt, now)}</span>}
    </span>
  );
}

function Actions({
  project,
  onAsk,
}: {
  project: Project;
  onAsk: (kind: 'key' | 'suspend' | 'resume') => void;
}) {
  const { project_id: id, suspended, key_fingerprint: fingerprint } = project;
  const change = suspended ? 'resume' : 'suspend';
  return (
    <span class="row-actions">
      <button
        type="button"
        class="link-button"
        onClick={() => {
          onAsk('key');
        }}
      >
        {fingerprint === null ? 'Deposit key' : 'Rotate key'}
        <span class="hidden"> of {id}</span>
      </button>
      <button
        type="button"
        class="link-button"
        onClick={() => {
          onAsk(change);
        }}
      >
        {suspended ? 'Resume' : 'Suspend'}
        <span class="hidden"> {id}</span>
      </button>
    </span>
  );
}

function Problems({ of }: { of: ProjectList | undefined }) {
  const problems = of?.problems ?? [];
  if (problems.length === 0) return null;
  return (
    <details class="problems">
      <summary>{counted(problems.length, 'problem')} of resources</summary>
      <ul>
        {problems.map(({ source, field, message }) => (
          <li key={`${source} ${field} ${message}`}>
            <code>{source}</code> <code>{field}</code> {message}
          </li>
        ))}
      </ul>
    </details>
  );
}

interface AskingProps {
  api: AdminApi;
  asked: Asked;
  onDone: () => void;
  onClose: () => void;
}

function Asking({ api, asked, onDone, onClose }: AskingProps) {
  if (asked.kind === 'deposit') {
    return <KeyDialog api={api} projectId={undefined} replaces={false} onDone={onDone} onClose={onClose} />;
  }
  const { project_id: id, key_fingerprint: fingerprint } = asked.project;
  if (asked.kind === 'key') {
    return (
      <KeyDialog api={api} projectId={id} replaces={fingerprint !== null} onDone={onDone} onClose={onClose} />
    );
  }
  const suspended = asked.kind === 'suspend';
  return (
    <ActionDialog
      title={suspended ? `Suspend ${id}?` : `Resume ${id}?`}
      action={suspended ? 'Suspend' : 'Resume'}
      danger={suspended}
      run={async () => {
        await api.send('PATCH', `projects/${encodeURIComponent(id)}`, { suspended });
        toast(suspended ? `${id} is suspended.` : `${id} takes sessions again.`);
        onDone();
        onClose();
      }}
      onClose={onClose}
    >
      <p>
        {suspended
          ? 'New sessions are refused at once, and the live ones end.'
          : 'New sessions are taken again.'}{' '}
        It is recorded in the audit.
      </p>
    </ActionDialog>
  );
}
