import type { AdminApi } from './admin-api.ts';
import type { AuditPage, AuditRow } from './types.ts';

const PAGE_ROWS = 1_000;
/** What a page can hold in memory; `vestibule audit export` has no such bound. */
const MAX_PAGES = 50;

/** Some browsers begin to read a file only after a while. */
const KEPT_MS = 60_000;

export type ExportFormat = 'json' | 'jsonl';

export interface Exported {
  text: string;
  rows: number;
  /** There are older rows that fit the filters, too. */
  more: boolean;
}

/** All rows that fit the filters, the newest first, as the API writes them. */
export async function exportAudit(api: AdminApi, filters: string, format: ExportFormat): Promise<Exported> {
  const lines: string[] = [];
  const logs: AuditRow[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = new URLSearchParams(filters);
    query.set('limit', String(PAGE_ROWS));
    query.set('format', format);
    if (cursor !== null) query.set('cursor', cursor);
    if (format === 'jsonl') {
      const { text, next } = await api.text(`audit-logs?${query}`);
      lines.push(text);
      cursor = next;
    } else {
      const answer: AuditPage = await api.get<AuditPage>(`audit-logs?${query}`);
      logs.push(...answer.logs);
      cursor = answer.next_cursor;
    }
    if (cursor === null) break;
  }
  const text = format === 'jsonl' ? lines.join('') : `${JSON.stringify({ logs }, null, 2)}\n`;
  const rows = format === 'jsonl' ? text.split('\n').length - 1 : logs.length;
  return { text, rows, more: cursor !== null };
}

/** Hands a text to the browser as a file. */
export function download(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, KEPT_MS);
}
