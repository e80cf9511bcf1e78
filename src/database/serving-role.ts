import type { DataSource, QueryRunner } from 'typeorm';

const GRANTS: Record<string, string> = {
  installation: 'SELECT, INSERT',
  sessions: 'SELECT, INSERT, UPDATE, DELETE',
  limit_windows: 'SELECT, INSERT, UPDATE, DELETE',
  quotas: 'SELECT, INSERT, UPDATE, DELETE',
  idempotency: 'SELECT, INSERT, UPDATE, DELETE',
  audit_events: 'SELECT, INSERT',
  audit_heads: 'SELECT, INSERT, UPDATE',
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
    WHERE c.oid = 'audit_events'::regclass AND r.rolname = current_user`);
  const power = rows[0];
  if (power === undefined || power.superuser) return 'is a superuser';
  if (power.owner) return 'owns the audit table or its schema, or could come to';
  return power.privilege ? 'may update, delete or truncate audit rows' : undefined;
}
