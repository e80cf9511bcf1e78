import { type Command, InvalidArgumentError } from 'commander';

/** What proves, anchors, exports and shortens the audit trail. */
export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('prove, export and prune the audit trail');
  audit
    .command('verify')
    .description('recompute every chain; exits 0 intact, 1 tampered, 2 could not be done')
    .option('--head <file>', 'signed heads that were kept elsewhere: a file, - for stdin, or the JSON itself')
    .option('--public-key <file>', 'Ed25519 keys in PEM form, instead of VESTIBULE_AUDIT_SIGNING_KEY')
    .action(async (options: { head?: string; publicKey?: string }) =>
      (await import('./audit.ts')).verifyAudit(options),
    );
  audit
    .command('head')
    .description('print one signed head of all chains, to keep elsewhere')
    .action(async () => (await import('./audit-head.ts')).printHead());
  audit
    .command('export')
    .description('write every row as JSON lines, chain by chain')
    .action(async () => (await import('./audit.ts')).exportAudit());
  audit
    .command('prune')
    .description('verify, then delete the oldest rows, as the role of DATABASE_MIGRATION_URL')
    .option('--before <time>', 'rows before this time, RFC 3339', time)
    .option('--older-than <days>', 'rows older than this', days)
    .action(async (options: { before?: number; olderThan?: number }, command: Command) => {
      if ((options.before === undefined) === (options.olderThan === undefined)) {
        command.error('error: give either --before or --older-than');
      }
      await (await import('./audit-prune.ts')).pruneAudit(options);
    });
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

function time(text: string): number {
  const parsed = Date.parse(text);
  if (!RFC_3339.test(text) || Number.isNaN(parsed))
    throw new InvalidArgumentError('must be an RFC 3339 time');
  return parsed;
}

function days(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('must be a whole number of days');
  return Number(text);
}
