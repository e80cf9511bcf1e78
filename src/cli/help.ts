import type { Command } from 'commander';

/** What the program itself says beside its commands: how to begin, where settings are, what exit codes mean. */
const PROGRAM = `
Examples:
  vestibule                                    serves, with what the environment sets
  vestibule migrate && vestibule serve         in production: the schema first
  vestibule doctor                             what is wrong here, and what to do
  curl -sS http://127.0.0.1:3000/session -H 'content-type: application/json' -d '{"project_id":"proj_demo"}'

Settings come from the environment, and secrets also from files: VESTIBULE_ADMIN_KEY, or VESTIBULE_ADMIN_KEY_FILE.
docs/configuration.md has them all. Bad ones stop the start with every problem at once, by name and never by value.

Exit codes: 0 done, 1 failed, 2 not understood, 78 bad settings. "vestibule help <command>" tells those of its own.
`;

/** By the words of the command. */
const COMMANDS: Readonly<Record<string, string>> = {
  serve: `
Outside production (NODE_ENV) what is not set is generated or embedded: an admin key, which is printed, a PostgreSQL, a
directory as vault. With NODE_ENV=production nothing is, and "vestibule migrate" has to run first.

Listens on PORT (3000) for callers and OPS_PORT (9464) for /metrics, /livez and /readyz.
SIGTERM: no longer ready, answers what began, exits 0; what does not end is cut short after 30 s.
`,
  migrate: `
Examples:
  DATABASE_MIGRATION_URL=postgres://owner:…@db/vestibule vestibule migrate

DATABASE_MIGRATION_URL owns the schema; the role of DATABASE_URL is granted what it needs and no more.
The version that still runs works on the new schema: migrate first, then replace processes.
`,
  token: `
Examples:
  vestibule token acme
  vestibule token acme --ttl 600
  curl -sS http://127.0.0.1:3000/session -X POST -H "authorization: Bearer $(vestibule token acme)"

For a Client without issuer. The token is printed and kept nowhere.
To turn off older ones: tokensNotBefore of the Client.
`,
  doctor: `
Examples:
  vestibule doctor
  vestibule doctor --json
  kubectl exec deploy/vestibule -- vestibule doctor

Run it with the environment of the service. Exit codes: 0 nothing is broken, 1 it found an error.
`,
  audit: `
Examples:
  vestibule audit head >> heads.jsonl          daily, to where the database's owner cannot write
  vestibule audit verify --head heads.jsonl
  vestibule audit export > rows.jsonl
`,
  'audit verify': `
Examples:
  vestibule audit verify
  vestibule audit verify --head heads.jsonl --public-key audit-public.pem
  kubectl -n vestibule logs -l app.kubernetes.io/component=server --tail=-1 | vestibule audit verify --head -

Without --head a tail that was cut off is not seen: it says "tail unanchored".
Exit codes: 0 intact, 1 tampered, with chain and seq, 2 could not be done.
`,
  'audit prune': `
Examples:
  vestibule audit prune --older-than 400
  vestibule audit prune --before 2026-01-01T00:00:00Z

Needs DATABASE_MIGRATION_URL and VESTIBULE_AUDIT_SIGNING_KEY. Nothing is deleted unless all of it verifies.
Exit codes: 0 pruned, 1 tampered, 2 could not be done.
`,
};

/** Adds what teaches to the help of the program and of its commands. */
export function addHelp(program: Command): void {
  program.addHelpText('after', PROGRAM);
  for (const [words, text] of Object.entries(COMMANDS)) {
    const command = words
      .split(' ')
      .reduce<Command | undefined>(
        (parent, word) => parent?.commands.find((child) => child.name() === word),
        program,
      );
    if (command === undefined) throw new TypeError(`there is no command ${words}`);
    command.addHelpText('after', text);
  }
}
