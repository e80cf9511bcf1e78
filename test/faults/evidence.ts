import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Writes each list as JSON lines; returns the folder. */
export function keepEvidence(seed: string, epoch: number, lists: Record<string, readonly unknown[]>): string {
  const folder = mkdtempSync(
    join(tmpdir(), `vestibule-faults-seed-${seed.replace(/\W/g, '_')}-epoch-${epoch}-`),
  );
  for (const [name, list] of Object.entries(lists)) {
    writeFileSync(join(folder, `${name}.jsonl`), list.map((item) => `${JSON.stringify(item)}\n`).join(''));
  }
  return folder;
}
