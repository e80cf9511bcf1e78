import { Command, InvalidArgumentError } from 'commander';
import { VERSION } from '../common/version.ts';
import { SettingsError } from '../config/load-settings.ts';
import { addAuditCommands } from './audit-commands.ts';
import { addHelp } from './help.ts';

const USAGE_EXIT_CODE = 2;
/** What the packages need that the rooms import. npm scripts and npx run Node 24. */
const OLDEST_NODE = 22;

/** The program `vestibule`: parses the command line, loads and runs one command, and sets the exit code. */
export async function run(argv: string[]): Promise<void> {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    process.stderr.write(`Node ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}\n`);
    process.exit(SettingsError.EXIT_CODE);
  }
  const program = new Command('vestibule')
    .description('Hands out credentials for realtime voice APIs; the provider keys never leave the vault.')
    .version(VERSION)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_EXIT_CODE));
  program
    .command('serve', { isDefault: true })
    .description('serve the API (the default)')
    .action(async () => (await import('./serve.ts')).serveCommand());
  program
    .command('migrate')
    .description('bring the database’s schema up to date, as the role of DATABASE_MIGRATION_URL')
    .action(async () => (await import('./migrate.ts')).migrateCommand());
  program
    .command('token')
    .description('sign a token for a client, with the first of VESTIBULE_JWT_SECRET')
    .argument('<client-id>', 'the clientId of a Client without issuer')
    .option('--ttl <seconds>', 'how long it is valid, at most 86400', wholeNumber, 3600)
    .action(async (clientId: string, { ttl }: { ttl: number }) =>
      (await import('./token.ts')).printToken(clientId, ttl),
    );
  program
    .command('doctor')
    .description('look for what keeps the service from working, and say what to do; changes nothing')
    .option('--json', 'print the findings as JSON', false)
    .action(async ({ json }: { json: boolean }) => (await import('./doctor.ts')).doctorCommand(json));
  addAuditCommands(program);
  addHelp(program);
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
