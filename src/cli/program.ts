import { Command, InvalidArgumentError } from 'commander';
import { VERSION } from '../common/version.ts';
import { SettingsError } from '../config/load-settings.ts';
import { exportAudit, verifyAudit } from './audit.ts';
import { migrateCommand } from './migrate.ts';
import { serveCommand } from './serve.ts';
import { printToken } from './token.ts';

const USAGE_EXIT_CODE = 2;

/** The program `vestibule`: parses the command line, runs one command and sets the exit code. */
export async function run(argv: string[]): Promise<void> {
  const program = new Command('vestibule')
    .description('Hands out credentials for realtime voice APIs; the provider keys never leave the vault.')
    .version(VERSION)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_EXIT_CODE));
  program
    .command('serve', { isDefault: true })
    .description('serve the API (the default)')
    .action(serveCommand);
  program
    .command('migrate')
    .description('bring the database’s schema up to date, as the role of DATABASE_MIGRATION_URL')
    .action(migrateCommand);
  program
    .command('token')
    .description('sign a token for a client, with the first of VESTIBULE_JWT_SECRET')
    .argument('<client-id>', 'the clientId of a Client without issuer')
    .option('--ttl <seconds>', 'how long it is valid, at most 86400', wholeNumber, 3600)
    .action((clientId: string, { ttl }: { ttl: number }) => printToken(clientId, ttl));
  const audit = program.command('audit').description('prove and export the audit trail');
  audit
    .command('verify')
    .description('recompute every chain; exits 0 intact, 1 tampered, 2 could not be done')
    .action(verifyAudit);
  audit.command('export').description('write every row as JSON lines, chain by chain').action(exportAudit);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'failed'}\n`);
    process.exitCode = error instanceof SettingsError ? error.exitCode : 1;
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
}
