import type { DataSource, QueryRunner } from 'typeorm';

const GRANTS: Record<string, string> = {
  installation: 'SELECT, INSERT',
  sessions: 'SELECT, INSERT, UPDATE, DELETE',
  project_slots: 'SELECT, INSERT, UPDATE',
  limit_windows: 'SELECT, INSERT, UPDATE, DELETE',
  quotas: 'SELECT, INSERT, UPDATE, DELETE',
  idempotency: 'SELECT, INSERT, UPDATE, DELETE',
  audit_events: 'SELECT, INSERT',
  audit_heads: 'SELECT, INSERT, UPDATE',
  audit_checkpoints: 'SELECT, INSERT',
  key_rejections: 'SELECT, INSERT, UPDATE, DELETE',
  schema_migrations: 'SELECT',
};

/** Grants the serving role exactly what serving needs; nothing when the owner itself serves. */
export async function grantServingRole(runner: QueryRunner, encodedRole: string): Promise<void> {
  const role = decodeURIComponent(encodedRole);
  const rows = (await runner.query('SELECT current_user AS owner')) as { owner: string }[];
  if (role === '' || rows[0]?.owner === role) return;
  const quoted = `"${role.replaceAll('"', '""')}"`;
  // In one transaction: a service that runs meanwhile, or a crash, never sees the role without its rights.
  await runner.startTransaction();
  try {
    for (const [table, privileges] of Object.entries(GRANTS)) {
      await runner.query(`REVOKE ALL ON ${table} FROM ${quoted}`);
      await runner.query(`GRANT ${privileges} ON ${table} TO ${quoted}`);
    }
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  }
}

/** Why the connected role could change or remove audit rows, if it could. */
export async function auditTamperingPower(dataSource: DataSource): Promise<string | undefined> {
  const rows = await dataSource.query<{ superuser: boolean; owner: boolean; privilege: boolean }[]>(`
    SELECT
      EXISTS (SELECT FROM pg_roles WHERE rolsuper AND pg_has_role(current_user, oid, 'MEMBER')) AS superuser,
      pg_has_role(current_user, c.relowner, 'MEMBER')
        -- the schema's owner may drop and remake what others own in it; of "public", that is the database's owner
        OR pg_has_role(current_user, n.nspowner, 'MEMBER')
        -- before PostgreSQL 16, such a role can make itself a member of the owner
        OR (r.rolcreaterole AND current_setting('server_version_num')::integer < 160000) AS owner,
      has_table_privilege(c.oid, 'DELETE, TRUNCATE, TRIGGER') OR has_any_column_privilege(c.oid, 'UPDATE') AS privilege
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r
    -- the second is not there before its migration
    WHERE c.oid IN ('audit_events'::regclass, to_regclass('audit_checkpoints')) AND r.rolname = current_user`);
  if (rows.length === 0 || rows.some(({ superuser }) => superuser)) return 'is a superuser';
  if (rows.some(({ owner }) => owner)) return 'owns the audit table or its schema, or could come to';
  return rows.some(({ privilege }) => privilege) ? 'may update, delete or truncate audit rows' : undefined;
}

/** What the connected role needs to serve and may not do, such as `INSERT on sessions`. */
export async function missingPrivileges(dataSource: DataSource): Promise<string[]> {
  const needed = Object.entries(GRANTS).flatMap(([table, privileges]) =>
    privileges.split(', ').map((privilege) => ({ table, privilege })),
  );
  const rows = await dataSource.query<{ missing: string }[]>(
    `SELECT n.privilege || ' on ' || n.table AS missing
     FROM jsonb_to_recordset($1) AS n("table" text, privilege text)
     WHERE NOT has_table_privilege(n.table, n.privilege)`,
    [JSON.stringify(needed)],
  );
  return rows.map(({ missing }) => missing);
}

const AUDIT_TRIGGERS = [
  'audit_events_append_only',
  'audit_events_pruned_only',
  'audit_checkpoints_append_only',
  'audit_checkpoints_pruned_only',
];

/** Which of the triggers that refuse to change audit rows, whoever asks, are not there or not on. */
export async function missingAuditTriggers(dataSource: DataSource): Promise<string[]> {
  const rows = await dataSource.query<{ tgname: string }[]>(
    `SELECT tgname FROM pg_trigger WHERE tgrelid IN ('audit_events'::regclass, 'audit_checkpoints'::regclass)
      AND tgname = ANY ($1) AND tgenabled IN ('O', 'A')`,
    [AUDIT_TRIGGERS],
  );
  return AUDIT_TRIGGERS.filter((name) => !rows.some(({ tgname }) => tgname === name));
}

/** Whether the connected role could run migrations: it may make tables, and owns those that are there. */
export async function mayMigrate(dataSource: DataSource): Promise<boolean> {
  const rows = await dataSource.query<{ may: boolean }[]>(`
    SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AND coalesce(
      (SELECT pg_has_role(current_user, relowner, 'MEMBER') FROM pg_class WHERE oid = to_regclass('sessions')),
      true) AS may`);
  return rows[0]?.may === true;
}
