import { ok, Skipped } from './finding.ts';
import { runChecks } from './run-checks.ts';

describe('running checks', () => {
  it('lets no check hide another, and keeps their order', async () => {
    const findings = await runChecks([
      { name: 'silent', timeoutMs: 20, run: () => new Promise(() => undefined) },
      { name: 'broken', run: () => Promise.reject(new Error('cannot ask http://user:word@host/x')) },
      { name: 'skipped', run: () => Promise.reject(new Skipped('nothing to look at')) },
      { name: 'fine', run: () => Promise.resolve([ok('one'), ok('two')]) },
    ]);
    const fix = expect.any(String) as unknown;
    expect(findings).toEqual([
      { check: 'silent', status: 'error', message: 'could not be checked: it took longer than 0.02 s', fix },
      { check: 'broken', status: 'error', message: 'could not be checked: cannot ask http://host/x', fix },
      { check: 'skipped', status: 'skipped', message: 'nothing to look at' },
      { check: 'fine', status: 'ok', message: 'one' },
      { check: 'fine', status: 'ok', message: 'two' },
    ]);
  });
});
