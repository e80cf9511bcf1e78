import { useCallback, useEffect, useState } from 'preact/hooks';
import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { toast } from '../components/toast.tsx';
import { type AdminApi, type ApiError, toApiError } from './admin-api.ts';
import { AuditFilterFields, NO_FILTERS, queryOf } from './audit-filters.tsx';
import { download, exportAudit, type ExportFormat } from './audit-export.ts';
import { AuditState } from './audit-state.tsx';
import { counted, dateTime } from './format.ts';
import { Pager, usePages } from './pager.tsx';
import { Problem } from './problem.tsx';
import { Records } from './records.tsx';
import type { AuditPage, AuditRow, Stats } from './types.ts';
import { emptyText, useLoad } from './use-load.ts';

const PAGE_ROWS = 25;
const MEDIA_TYPES = { json: 'application/json', jsonl: 'application/x-ndjson' } as const;

export interface AuditProps {
  api: AdminApi;
  stats: Stats | undefined;
  projects: readonly string[];
  /** Another number whenever rows were written. */
  revision: number;
}

/** The audit's rows, the newest first. New ones come by themselves on the first page. */
export function Audit({ api, stats, projects, revision }: AuditProps) {
  const [filters, setFilters] = useState(NO_FILTERS);
  const pages = usePages();
  const query = queryOf(filters);
  const { cursor } = pages;
  const load = useCallback(() => {
    const asked = new URLSearchParams(query);
    asked.set('limit', String(PAGE_ROWS));
    if (cursor !== undefined) asked.set('cursor', cursor);
    return api.get<AuditPage>(`audit-logs?${asked}`);
  }, [api, query, cursor]);
  const { value, error, reload } = useLoad(load);
  useEffect(() => {
    if (revision > 0 && cursor === undefined) reload();
  }, [revision, cursor, reload]);
  return (
    <Card title="Audit" aside={<Exports api={api} query={query} />}>
      <AuditState audit={stats?.audit} />
      <AuditFilterFields
        filters={filters}
        projects={projects}
        onChange={(changed) => {
          pages.first();
          setFilters(changed);
        }}
      />
      <Problem of="Audit" error={error} />
      <AuditRows rows={value?.logs ?? []} empty={emptyText({ value, error }, 'No row fits these filters.')} />
      <Pager of="the audit" pages={pages} next={value?.next_cursor ?? null} />
    </Card>
  );
}

function AuditRows({ rows, empty }: { rows: readonly AuditRow[]; empty: string }) {
  return (
    <Records
      caption="Audit rows"
      rows={rows}
      keyOf={({ chain, seq }) => `${chain} ${seq}`}
      empty={empty}
      columns={[
        {
          name: 'Time',
          cell: ({ time }) => (
            <time class="whole" dateTime={time}>
              {dateTime(time)}
            </time>
          ),
        },
        { name: 'Event', cell: (row) => <Event row={row} /> },
        { name: 'Who', cell: ({ actor, actor_kind: kind }) => <span class="id">{actor ?? kind}</span> },
        { name: 'From', cell: ({ ip }) => ip ?? '–' },
        { name: 'About', cell: (row) => <About row={row} /> },
      ]}
    />
  );
}

function Event({ row: { event, outcome } }: { row: AuditRow }) {
  return (
    <>
      <code>{event}</code> {outcome === 'failure' && <Badge tone="bad">failure</Badge>}
    </>
  );
}

/** What the row tells beside the rest, and its place in the chain. */
function About({ row }: { row: AuditRow }) {
  const { session_id: session, detail, chain, seq, request_id: request } = row;
  const facts = Object.entries(detail).map(([name, value]) => `${name} ${String(value)}`);
  return (
    <details class="about">
      <summary>{facts.join(', ') || session || 'more'}</summary>
      <dl>
        <Fact name="Session" value={session} />
        <Fact name="Request" value={request} />
        <Fact name="Project" value={row.project_hash} />
        <Fact name="Place" value={`${chain} ${seq}`} />
      </dl>
    </details>
  );
}

function Fact({ name, value }: { name: string; value: string | null }) {
  if (value === null) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <code class="id">{value}</code>
      </dd>
    </div>
  );
}

function Exports({ api, query }: { api: AdminApi; query: string }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const run = async (format: ExportFormat): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const { text, rows, more } = await exportAudit(api, query, format);
      download(`audit.${format}`, MEDIA_TYPES[format], text);
      toast(
        more
          ? `The newest ${counted(rows, 'row')}; narrow the filters for older ones.`
          : `${counted(rows, 'row')}.`,
      );
    } catch (thrown) {
      setError(toApiError(thrown));
    }
    setBusy(false);
  };
  return (
    <>
      <span class="row-actions">
        {(['json', 'jsonl'] as const).map((format) => (
          <button
            key={format}
            type="button"
            class="link-button"
            disabled={busy}
            onClick={() => void run(format)}
          >
            Export {format === 'json' ? 'JSON' : 'JSON lines'}
          </button>
        ))}
      </span>
      <Problem of="Export" error={error} />
    </>
  );
}
