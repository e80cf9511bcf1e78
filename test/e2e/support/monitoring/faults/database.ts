import { PROJECT } from '../../installation.ts';
import { sessionsOf } from '../traffic.ts';
import { startStray } from '../extra-pods.ts';
import { INSIDE, type Stage } from '../stage.ts';
import type { Fault } from './fault.ts';

const STRAY = 'stray';
/** More than two replicas let in while nothing is answered: 200 each. */
const CROWD_PER_SECOND = 100;
const HELD = 10;
const LOCKED_S = 120;

/** Where the Service of PostgreSQL leads to. */
const leadTo = (stage: Stage, app: string): Promise<unknown> =>
  stage.kubectl('patch', 'service', 'postgres', '-p', JSON.stringify({ spec: { selector: { app } } }));
const cutOff = (stage: Stage, condition: string): Promise<unknown> =>
  stage.sql(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND ${condition}`);

/** One transaction in five, when it commits: if all did, sessions would be slow, too. */
const SLOW_COMMITS = `
  CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('test.slow', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
      PERFORM set_config('test.slow', pg_current_xact_id()::text, true);
      IF random() < 0.2 THEN PERFORM pg_sleep(0.4); END IF;
    END IF;
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON audit_events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION slow_commit()`;

async function copyDatabase(stage: Stage): Promise<void> {
  const copy =
    'createdb -U vestibule_owner other && pg_dump -U vestibule_owner vestibule | psql -q -U vestibule_owner other';
  await stage.kubectl('exec', 'postgres-0', '--', 'sh', '-c', copy);
  const { kube, namespace } = stage.installation;
  const secret = await kube.cluster.find(`/api/v1/namespaces/${namespace}/secrets/demo`);
  const { data } = secret as unknown as { data: Record<string, string> };
  const url = new URL(Buffer.from(data['database-url'] ?? '', 'base64').toString('utf8'));
  url.pathname = '/other';
  await startStray(stage.installation, STRAY, url.href);
}

export const LOCKED_TABLE: Fault = {
  what: 'somebody locks a table, and callers keep coming',
  // Its figures can be read all the same, so that the database is not away.
  begin: (stage) =>
    stage.kubectl(
      ...['exec', 'postgres-0', '--', 'sh', '-c'],
      `PGAPPNAME=locker psql -U vestibule_owner -d vestibule -c 'BEGIN' -c 'LOCK TABLE sessions IN SHARE MODE' \
        -c 'SELECT pg_sleep(${LOCKED_S})' >/dev/null 2>&1 &`,
    ),
  traffic: () => [{ ...sessionsOf(PROJECT, CROWD_PER_SECOND), base: INSIDE }],
  end: (stage) => cutOff(stage, `application_name = 'locker'`),
  fires: ['AvailabilityBurnsFast', 'Overloaded server', 'Unavailable'],
  // Those who are let in are refused 5 s later, all at once: the rate of it has gaps where five minutes are 5 s.
  mayFire: [`ErrorRate ${PROJECT}`],
};

export const DATABASE_FAULTS: readonly Fault[] = [
  {
    what: 'the database cannot be reached',
    begin: async (stage) => {
      await leadTo(stage, 'nobody');
      await cutOff(stage, `usename <> 'vestibule_owner'`);
    },
    end: (stage) => leadTo(stage, 'postgres'),
    fires: ['AvailabilityBurnsFast', 'DatabaseAway', `ErrorRate ${PROJECT}`, 'Unavailable'],
  },
  {
    what: 'one commit in five takes 0.4 s',
    begin: (stage) => stage.sql(SLOW_COMMITS),
    end: (stage) => stage.sql('DROP TRIGGER slow_commit ON audit_events; DROP FUNCTION slow_commit'),
    fires: ['AuditSlow'],
  },
  {
    what: 'a replica asks another database',
    begin: copyDatabase,
    traffic: async (stage) => [{ ...sessionsOf(PROJECT, HELD), base: await stage.baseOfOne(), hold: true }],
    end: async (stage) => {
      await stage.kubectl('delete', 'pod', STRAY, '--wait=true');
      await stage.sql('DROP DATABASE other WITH (FORCE)');
    },
    fires: [`ReplicasDisagree ${PROJECT}`],
  },
];
