import type { MigrationInterface, QueryRunner } from 'typeorm';
import { BY_KEY, reserving } from './1764600000000-batches.ts';

/**
 * A batch that fits as a whole is reserved as a whole: what its requests take together is checked once and written
 * once. One that does not is walked request by request, as before. All steps can also return their audit rows.
 *
 * The functions that were stay, for processes of the version before.
 */
export class WholeBatches1765200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(walking());
    await runner.query(OPENING);
    await runner.query(ENDING);
    await runner.query(EXPIRING);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION expire_sessions(text, integer, boolean), end_sessions(text, jsonb, boolean),
        open_sessions(text, text[], jsonb, jsonb, jsonb, boolean), walk_reservations(text, jsonb, boolean);
    `);
  }
}

/** Of a project with fewer, lapsed leases are looked for also when there is room: its number of sessions is exact. */
const FEW_SESSIONS = 100;

/** The walk as a step of `open_sessions`. */
export const walking = (repetition?: Parameters<typeof reserving>[2]): string =>
  reserving(
    'walk_reservations(p_chain text, p_requests jsonb, p_echo boolean)',
    `-- after the answers, with ordinal -1: audit rows as lines
    FOREACH verdict IN ARRAY append_entries(p_chain, v_entries, p_echo) LOOP
      ordinal := -1;
      RETURN NEXT;
    END LOOP;`,
    repetition,
  );

const RESERVING = `
      IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'sessions are counted under read committed only: an older snapshot would overlook some'
          USING ERRCODE = 'invalid_transaction_state';
      END IF;
      -- The project's row is the lock of all that follows: windows, quotas and claims belong to one project. The walk
      -- makes rows that are not there, and has to begin without a lock: who makes the same may wait for one of ours.
      IF p_shared IS NOT NULL THEN
        SELECT jsonb_agg(s.taken ORDER BY g.o),
            bool_and(s.taken + g.n <= g.cap AND s.taken_by_vault + g.by_vault <= g.vault_cap)
          INTO v_taken, v_fits
          FROM (SELECT * FROM project_slots WHERE project_hash = ANY (p_projects)
              AND (SELECT count(*) FROM project_slots WHERE project_hash = ANY (p_projects)) = cardinality(p_projects)
              ORDER BY project_hash FOR UPDATE) AS s
            JOIN ROWS FROM (jsonb_to_recordset(p_shared->'projects') AS (hash text, n integer, by_vault integer,
              cap integer, vault_cap integer)) WITH ORDINALITY AS g (hash, n, by_vault, cap, vault_cap, o)
              ON g.hash = s.project_hash;
      END IF;
      v_now := clock_timestamp();
      v_month := date_trunc('month', v_now AT TIME ZONE 'UTC');
      IF v_fits THEN
        -- Under the lock, so with a snapshot of its own: all that is asked, and all that is written if it fits.
        WITH windows_asked AS MATERIALIZED (
          -- a start in the future is one of before the clock was set back
          SELECT g.scope, g.subject, g.requests, g.n, g.o, coalesce(w.used, 0) AS used,
            coalesce(w.started_at, v_now) AS started_at,
            extract(epoch FROM coalesce(w.started_at, v_now) + make_interval(secs => g.seconds)) AS reset_at
          FROM ROWS FROM (jsonb_to_recordset(p_shared->'windows') AS (scope text, subject text, requests integer,
              seconds integer, n integer)) WITH ORDINALITY AS g (scope, subject, requests, seconds, n, o)
            LEFT JOIN limit_windows w ON w.scope = g.scope AND w.subject = g.subject
              AND w.started_at <= v_now AND w.started_at + make_interval(secs => g.seconds) > v_now
        ), quotas_asked AS MATERIALIZED (
          SELECT g.subject, g.n, coalesce(q.used, 0) + g.n <= g.max AS fits
          FROM jsonb_to_recordset(p_shared->'quotas') AS g (subject text, max bigint, n integer)
            LEFT JOIN quotas q ON q.subject = g.subject AND q.month = v_month
        ), whole AS MATERIALIZED (
          SELECT (SELECT bool_and(used + n <= requests) FROM windows_asked)
            AND coalesce((SELECT bool_and(fits) FROM quotas_asked), true)
            AND NOT EXISTS (
              SELECT FROM project_slots s, LATERAL (
                SELECT FROM sessions x WHERE x.project_hash = s.project_hash AND x.state IN ('opening', 'active')
                  AND x.lease_expires_at <= v_now LIMIT 1) AS lapsed
              WHERE s.project_hash = ANY (p_projects) AND s.taken BETWEEN 1 AND ${FEW_SESSIONS})
            AND NOT (p_requests @? '$[*].idempotency' AND EXISTS (
              SELECT FROM idempotency WHERE key_hash = ANY (ARRAY(
                SELECT decode(q.idempotency->>'key_hash', 'hex')
                FROM jsonb_to_recordset(p_requests) AS q (idempotency jsonb)
                WHERE q.idempotency IS NOT NULL)))) AS fits
        ), requests AS MATERIALIZED (
          SELECT *, decode(q.idempotency->>'key_hash', 'hex') AS key_hash
          FROM jsonb_to_recordset(p_requests) AS q (session_id text, project_hash text, client text, flow text,
            model text, voice text, key_fingerprint text, lease_token_hash text, lease_seconds integer,
            opening_seconds integer, max_duration_seconds integer, quota jsonb, idempotency jsonb, event text,
            outcome text, actor text, actor_kind text, ip text, request_id text, trace_id text, detail text)
          WHERE (SELECT fits FROM whole)
        ), slots AS (
          UPDATE project_slots s SET taken = s.taken + g.n, taken_by_vault = s.taken_by_vault + g.by_vault
            FROM jsonb_to_recordset(p_shared->'projects') AS g (hash text, n integer, by_vault integer)
            WHERE s.project_hash = ANY (p_projects) AND s.project_hash = g.hash AND (SELECT fits FROM whole)
        ), counted AS (
          INSERT INTO limit_windows AS w
            SELECT scope, subject, started_at, used + n FROM windows_asked WHERE (SELECT fits FROM whole)
            ON CONFLICT (scope, subject) DO UPDATE SET started_at = excluded.started_at, used = excluded.used
        ), used AS (
          INSERT INTO quotas AS q SELECT subject, v_month, n FROM quotas_asked WHERE (SELECT fits FROM whole)
            ON CONFLICT (subject, month) DO UPDATE SET used = q.used + excluded.used
        ), claimed AS (
          INSERT INTO idempotency
            SELECT r.key_hash, decode(r.idempotency->>'body_hash', 'hex'), r.session_id, NULL, v_now
            FROM requests r WHERE r.key_hash IS NOT NULL
        ), opened AS (
          INSERT INTO sessions (id, project_hash, client, flow, state, model, voice, key_fingerprint, lease_token_hash,
              lease_seconds, lease_expires_at, ends_at, opened_at, quota_subject, quota_month, idempotency_key)
            SELECT r.session_id, r.project_hash, r.client, r.flow, 'opening', r.model, r.voice, r.key_fingerprint,
              decode(r.lease_token_hash, 'hex'), r.lease_seconds, v_now + make_interval(secs => r.opening_seconds),
              v_now + make_interval(secs => r.max_duration_seconds), v_now, r.quota->>'subject',
              CASE WHEN r.quota IS NOT NULL THEN v_month END, r.key_hash
            FROM requests r
        )
        SELECT (SELECT fits FROM whole), (SELECT jsonb_agg(jsonb_build_array(used, reset_at) ORDER BY o) FROM windows_asked),
            array_agg(ROW(r.event, r.outcome, r.actor, r.actor_kind, r.ip, r.request_id, r.trace_id, r.project_hash,
              r.session_id, r.detail)::audit_entry)
          INTO v_fits, v_windows, v_entries FROM requests r;
      END IF;
      IF v_fits THEN
        v_reserved := jsonb_build_object('reserved_at', extract(epoch FROM v_now), 'taken', v_taken, 'windows', v_windows);
      ELSE
        SELECT jsonb_build_object('expired', coalesce(max(w.active_sessions) FILTER (WHERE w.ordinal = 0), 0),
            'answers', jsonb_agg(to_jsonb(w) || jsonb_build_object('sealed_answer', encode(w.sealed_answer, 'hex'))
              ORDER BY w.ordinal) FILTER (WHERE w.ordinal > 0)),
            jsonb_agg(w.verdict) FILTER (WHERE w.ordinal = -1)
          INTO v_reserved, v_lines
          FROM walk_reservations(p_chain, (SELECT jsonb_agg(value || jsonb_build_object('event', value) ORDER BY o)
            FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS r (value, o)), p_echo) AS w;
      END IF;`;

const ACTIVATING = `
      WITH items AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(p_sessions) AS i (session_id text, provider_session_id text, voice text,
          lease_expires_at float8, event text, outcome text, actor text, actor_kind text, ip text, request_id text,
          trace_id text, detail text)
      ), locked AS MATERIALIZED (
        -- in the order in which those who end sessions lock them
        SELECT id FROM sessions WHERE id = ANY (ARRAY(SELECT session_id FROM items)) ORDER BY id FOR UPDATE
      ), activated AS (
        UPDATE sessions s SET state = 'active', activated_at = clock_timestamp(),
            provider_session_id = i.provider_session_id, voice = coalesce(i.voice, s.voice),
            lease_expires_at = least(to_timestamp(i.lease_expires_at), s.ends_at)
          FROM locked JOIN items i ON i.session_id = locked.id
          WHERE s.id = locked.id AND s.activated_at IS NULL AND s.ended_at IS NULL
            AND s.lease_expires_at > clock_timestamp()
          RETURNING s.id, ROW(i.event, i.outcome, i.actor, i.actor_kind, i.ip, i.request_id, i.trace_id,
            s.project_hash, s.id, i.detail)::audit_entry AS entry
      )
      SELECT array_agg(id), array_agg(entry) INTO v_activated, v_activations FROM activated;
      IF p_sessions @? '$[*].sealed_answer' THEN
        UPDATE idempotency k SET sealed_answer = decode(i.sealed_answer, 'hex')
          FROM jsonb_to_recordset(p_sessions) AS i (session_id text, sealed_answer text), sessions s
          WHERE s.id = ANY (v_activated) AND s.id = i.session_id
            AND k.key_hash = s.idempotency_key AND k.session_id = s.id;
      END IF;`;

const OPENING = `
  -- The two steps in which sessions are opened, of many at once, and their audit rows: what precedes the mint of
  -- p_requests, and what follows that of p_sessions; either may be null.
  -- p_shared is what the requests take together, or null for requests that cannot be added up: {projects: [{hash, n,
  -- by_vault, cap, vault_cap}], windows: [{scope, subject, requests, seconds, n}], quotas?: [{subject, max, n}]},
  -- projects as p_projects and in order.
  -- An element of p_sessions: {session_id, provider_session_id?, voice?, lease_expires_at (unix seconds),
  -- sealed_answer?}, and an audit entry's fields as in p_requests.
  -- Answers {activated: ids of those whose lease still ran, lines: the audit rows if p_echo, reserved}, which is null or
  -- {reserved_at, taken, windows: [[used, reset_at]]}: all are reserved, and these are as they were before;
  -- or {expired, answers}: of how many sessions the lease had lapsed, and what walk_reservations says of each request.
  CREATE FUNCTION open_sessions(p_chain text, p_projects text[], p_requests jsonb, p_shared jsonb, p_sessions jsonb,
    p_echo boolean) RETURNS jsonb LANGUAGE plpgsql ${BY_KEY} AS $$
  DECLARE
    v_now timestamptz;
    v_month date;
    v_taken jsonb;
    v_windows jsonb;
    v_fits boolean;
    v_reserved jsonb;
    v_activated text[];
    v_entries audit_entry[];
    v_activations audit_entry[];
    v_lines jsonb;
  BEGIN
    IF p_requests IS NOT NULL THEN
${RESERVING}
    END IF;
    IF p_sessions IS NOT NULL THEN
${ACTIVATING}
    END IF;
    v_lines := coalesce(v_lines, '[]') || to_jsonb(append_entries(p_chain, v_entries || v_activations, p_echo));
    RETURN jsonb_build_object('reserved', v_reserved, 'activated', v_activated, 'lines', v_lines);
  END $$;
`;

const ENDING = `
  -- As its namesake. An element: {session_id, state, only_lapsed?, keep_quota?, event}.
  CREATE FUNCTION end_sessions(p_chain text, p_ends jsonb, p_echo boolean) RETURNS jsonb LANGUAGE plpgsql ${BY_KEY} AS $$
  DECLARE
    v_entries audit_entry[] := end_holding_sessions(p_ends);
  BEGIN
    RETURN jsonb_build_object('ids', ARRAY(SELECT session_id FROM unnest(v_entries)),
      'lines', append_entries(p_chain, v_entries, p_echo));
  END $$;
`;

const EXPIRING = `
  -- Ends active sessions whose lease has lapsed, at most p_limit of all that have. Answers {ids: of those it ended,
  -- openings: of those that were never active, and give back more than their slot: end_sessions ends them}.
  CREATE FUNCTION expire_sessions(p_chain text, p_limit integer, p_echo boolean) RETURNS jsonb
  LANGUAGE plpgsql ${BY_KEY} AS $$
  DECLARE
    v_now timestamptz := clock_timestamp();
    v_ids text[];
    v_projects text[];
    v_openings text[];
    v_entries audit_entry[];
  BEGIN
    SELECT array_agg(lapsed.id) FILTER (WHERE lapsed.state = 'active'),
        array_agg(DISTINCT lapsed.project_hash) FILTER (WHERE lapsed.state = 'active'),
        array_agg(lapsed.id) FILTER (WHERE lapsed.state = 'opening')
      INTO v_ids, v_projects, v_openings FROM (
        SELECT one.* FROM project_slots p, LATERAL (
          SELECT id, project_hash, state FROM sessions
          WHERE project_hash = p.project_hash AND state IN ('opening', 'active') AND lease_expires_at <= v_now
          ORDER BY lease_expires_at LIMIT p_limit) AS one
        WHERE p.taken > 0 LIMIT p_limit) AS lapsed;
    IF v_ids IS NOT NULL THEN
      PERFORM lock_slots(v_projects);
      WITH locked AS MATERIALIZED (
        -- A renewal that is still committing holds its row: this waits for it and sees it.
        SELECT id FROM sessions WHERE id = ANY (v_ids) AND ended_at IS NULL AND lease_expires_at <= v_now
        ORDER BY id FOR UPDATE
      ), expired AS (
        UPDATE sessions s SET state = 'expired', ended_at = v_now FROM locked
          WHERE s.id = ANY (v_ids) AND s.id = locked.id RETURNING s.id, s.project_hash, s.flow
      ), freed AS (
        UPDATE project_slots p SET taken = greatest(taken - n, 0),
            taken_by_vault = greatest(taken_by_vault - by_vault, 0)
          FROM (SELECT project_hash, count(*) AS n, count(*) FILTER (WHERE flow = 'vault') AS by_vault
            FROM expired GROUP BY project_hash) f
          WHERE p.project_hash = f.project_hash
      )
      SELECT array_agg(id), array_agg(ROW('session_expired', 'success', NULL, 'system', NULL, NULL, NULL, project_hash,
        id, '{}')::audit_entry) INTO v_ids, v_entries FROM expired;
    END IF;
    RETURN jsonb_build_object('ids', v_ids, 'openings', v_openings,
      'lines', append_entries(p_chain, v_entries, p_echo));
  END $$;
`;
