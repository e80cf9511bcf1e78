import type { MigrationInterface, QueryRunner } from 'typeorm';
import {
  INITIAL_AUDIT_APPEND,
  INITIAL_AUDIT_INDEXES,
  INITIAL_SESSION_INDEXES,
  INITIAL_STEPS,
} from './1764000000000-initial.ts';

/**
 * The same steps for whole batches at once: a project's slots in a row of their own, which is also its lock, so that a
 * reservation costs the same however many sessions are live; one statement a table where there was one a session.
 *
 * Signatures stay, so that a process of the version before goes on with these functions.
 */
export class Batches1764600000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Nobody opens or ends a session while they are counted for the first time. The strongest lock that a statement
    // below takes, taken at once: who waits for one while it holds another meets somebody who does the same.
    await runner.query('LOCK TABLE sessions, audit_events IN ACCESS EXCLUSIVE MODE');
    await runner.query(SLOTS);
    await runner.query(INDEXES);
    await runner.query(AUDIT);
    await runner.query(ENDING);
    await runner.query(reserving('reserve_sessions(p_chain text, p_requests jsonb)', RESERVING_APPENDS));
    await runner.query(ACTIVATING);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION activate_sessions(text, jsonb), reserve_sessions(text, jsonb), end_sessions(text, jsonb),
        end_live_sessions(jsonb), end_holding_sessions(jsonb), take_window(jsonb, timestamptz),
        audit_append(text, jsonb), append_entries(text, audit_entry[]), recount_slots(), lock_slots(text[]);
      DROP TYPE audit_entry;
      ALTER FUNCTION json_text(text) IMMUTABLE;
      DROP TABLE project_slots;
      DROP INDEX sessions_of_project, audit_events_time, audit_events_project, audit_events_event;
    `);
    await runner.query(INITIAL_SESSION_INDEXES);
    await runner.query(INITIAL_AUDIT_INDEXES);
    await runner.query(INITIAL_AUDIT_APPEND);
    await runner.query(INITIAL_STEPS);
  }
}

/**
 * Functions keep their plans, and one that was made while a table was small would go on reading all of it. So the
 * steps name the keys that they look up (`= ANY`) and ask for nothing that another index offers: `ended_at IS NULL`
 * where they have ids, and not the state, which means the same and has an index of all live sessions.
 */
export const BY_KEY = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off
  SET enable_material = off`;

/** Lapsed leases that one reservation ends, by which the work of a statement is bounded. */
const LAPSED_ENDED = { ofProject: 100, inAll: 500 };

const SLOTS = `
  -- How many sessions of a project hold a slot: the sessions that are opening or active, counted once and kept up by
  -- the functions that change it. Whoever changes it holds the row, so it is the project's lock as well.
  CREATE TABLE project_slots (
    project_hash text PRIMARY KEY,
    taken integer NOT NULL DEFAULT 0 CHECK (taken >= 0),
    taken_by_vault integer NOT NULL DEFAULT 0 CHECK (taken_by_vault >= 0)
  ) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0.05);
  INSERT INTO project_slots
    SELECT project_hash, count(*), count(*) FILTER (WHERE flow = 'vault') FROM sessions
    WHERE state IN ('opening', 'active') GROUP BY project_hash;

  -- Locks the projects' rows, in one order for everybody, and makes those that are not there.
  CREATE FUNCTION lock_slots(p_projects text[]) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    -- Before any lock is held: who makes a row waits for others who make the same.
    INSERT INTO project_slots SELECT DISTINCT p FROM unnest(p_projects) AS p
      WHERE NOT EXISTS (SELECT FROM project_slots s WHERE s.project_hash = p) ORDER BY p ON CONFLICT DO NOTHING;
    PERFORM FROM project_slots WHERE project_hash = ANY (p_projects) ORDER BY project_hash FOR UPDATE;
  END $$;

  -- Counts anew where the count and the sessions differ, as after rows were changed by hand. Returns those projects.
  CREATE FUNCTION recount_slots() RETURNS text[] LANGUAGE plpgsql AS $$
  DECLARE
    v_suspects text[];
    v_wrong text[];
  BEGIN
    SELECT array_agg(coalesce(p.project_hash, s.project_hash)) INTO v_suspects
      FROM project_slots p FULL JOIN (
        SELECT project_hash, count(*) AS taken, count(*) FILTER (WHERE flow = 'vault') AS taken_by_vault
        FROM sessions WHERE state IN ('opening', 'active') GROUP BY project_hash) s USING (project_hash)
      WHERE (coalesce(p.taken, 0), coalesce(p.taken_by_vault, 0))
        <> (coalesce(s.taken, 0), coalesce(s.taken_by_vault, 0));
    IF v_suspects IS NULL THEN
      RETURN '{}';
    END IF;
    -- Most of them were only seen in the middle of a change: under the lock it is known.
    PERFORM lock_slots(v_suspects);
    WITH counted AS (
      SELECT p AS project_hash, count(s.id) AS taken, count(s.id) FILTER (WHERE s.flow = 'vault') AS taken_by_vault
      FROM unnest(v_suspects) AS p
        LEFT JOIN sessions s ON s.project_hash = p AND s.state IN ('opening', 'active')
      GROUP BY p
    ), mended AS (
      UPDATE project_slots p SET taken = c.taken, taken_by_vault = c.taken_by_vault FROM counted c
      WHERE p.project_hash = c.project_hash AND (p.taken, p.taken_by_vault) <> (c.taken, c.taken_by_vault)
      RETURNING p.project_hash
    ) SELECT array_agg(project_hash) INTO v_wrong FROM mended;
    RETURN coalesce(v_wrong, '{}');
  END $$;
`;

const INDEXES = `
  -- A row of sessions is written three times, an audit row never again: what each of their indexes costs is most of
  -- what a session costs here. Ids sort by time, so the primary key lists all sessions, newest first, and finds those
  -- whose retention is over; lapsed leases are found project by project.
  DROP INDEX sessions_opened, sessions_of_project, sessions_lapsing, sessions_ended;
  -- GET /sessions of one project: of those that are live, the index that counts them has few
  CREATE INDEX sessions_of_project ON sessions (project_hash, id) WHERE ended_at IS NOT NULL;

  -- Rows of one batch share their time and so an entry; what is to be sorted further is few.
  DROP INDEX audit_events_time, audit_events_project, audit_events_event;
  CREATE INDEX audit_events_time ON audit_events (time);
  CREATE INDEX audit_events_project ON audit_events (project_hash, time);
  -- The steps of sessions are most of the rows: who looks for one of them meets it among the newest soon enough.
  CREATE INDEX audit_events_event ON audit_events (event, time) WHERE event NOT IN
    ('vault_key_loaded', 'session_created', 'session_released', 'session_expired');
`;

export const BATCHES_APPEND_ENTRIES = `
  -- Appends entries, in order, to a chain. Only the chain's own writer appends to it, so its head is not contended.
  -- Keys are written in RFC 8785 order.
  CREATE FUNCTION append_entries(p_chain text, p_entries audit_entry[]) RETURNS void LANGUAGE plpgsql ${BY_KEY} AS $$
  DECLARE
    v_time timestamptz := date_trunc('milliseconds', clock_timestamp());
    v_seq bigint;
    v_hash text;
    v_texts text[];
    v_hashes text[] := '{}';
  BEGIN
    IF coalesce(cardinality(p_entries), 0) = 0 THEN
      RETURN;
    END IF;
    SELECT seq, hash INTO v_seq, v_hash FROM audit_heads WHERE chain = p_chain FOR UPDATE;
    IF NOT FOUND THEN
      v_seq := 0;
      v_hash := repeat('0', 64);
      INSERT INTO audit_heads (chain, seq, hash, at) VALUES (p_chain, v_seq, v_hash, v_time);
    END IF;
    v_hashes[0] := v_hash;
    SELECT array_agg('{"actor":' || json_text(e.actor)
        || ',"actor_kind":' || json_text(e.actor_kind)
        || ',"chain":' || json_text(p_chain)
        || ',"detail":' || e.detail
        || ',"event":' || json_text(e.event)
        || ',"ip":' || json_text(e.ip)
        || ',"outcome":' || json_text(e.outcome)
        || ',"project_hash":' || json_text(e.project_hash)
        || ',"request_id":' || json_text(e.request_id)
        || ',"seq":' || (v_seq + o)
        || ',"session_id":' || json_text(e.session_id)
        || ',"time":' || json_text(to_char(v_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        || ',"trace_id":' || json_text(e.trace_id) || '}' ORDER BY o)
      INTO v_texts FROM unnest(p_entries) WITH ORDINALITY AS e (event, outcome, actor, actor_kind, ip, request_id,
        trace_id, project_hash, session_id, detail, o);
    FOR i IN 1 .. cardinality(v_texts) LOOP
      v_hashes[i] := encode(sha256(convert_to(v_hashes[i - 1] || v_texts[i], 'UTF8')), 'hex');
    END LOOP;
    INSERT INTO audit_events
      SELECT p_chain, v_seq + o, v_time, e.event, e.project_hash, e.actor, e.actor_kind, e.ip, e.request_id,
        e.trace_id, e.outcome, e.session_id, e.detail::jsonb, v_hashes[o - 1], v_hashes[o]
      FROM unnest(p_entries) WITH ORDINALITY AS e (event, outcome, actor, actor_kind, ip, request_id,
        trace_id, project_hash, session_id, detail, o);
    UPDATE audit_heads SET seq = v_seq + cardinality(v_texts), hash = v_hashes[cardinality(v_texts)], at = v_time
      WHERE chain = p_chain;
  END $$;
`;

const AUDIT = `
  -- As what it calls: a function that promises more than that is called for each value instead of becoming a part of
  -- the statement, which cost more than all the rest of an audit row.
  ALTER FUNCTION json_text(text) STABLE;

  -- An event as it is written; detail is RFC 8785 text of an object.
  CREATE TYPE audit_entry AS (
    event text, outcome text, actor text, actor_kind text, ip text, request_id text, trace_id text,
    project_hash text, session_id text, detail text
  );

${BATCHES_APPEND_ENTRIES}
  CREATE OR REPLACE FUNCTION audit_append(p_chain text, p_events jsonb) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM append_entries(p_chain,
      ARRAY(SELECT jsonb_populate_record(NULL::audit_entry, value) FROM jsonb_array_elements(p_events)));
  END $$;
`;

/** What ends a session, where some are kept although one of `p_ends` names them. */
export const endingHolding = (
  keeping = { declared: '', looked: '', chosen: '*', ordered: '', spared: '' },
): string => `
  -- Ends those of the named sessions that still hold a slot, gives back what an opening one had taken, and
  -- returns their audit entries for the caller to append.
  -- An element: {session_id, state, only_lapsed?, keep_quota?, event}.
  CREATE OR REPLACE FUNCTION end_holding_sessions(p_ends jsonb) RETURNS audit_entry[] LANGUAGE plpgsql ${BY_KEY} AS $$
  DECLARE
    v_ids text[] := ARRAY(SELECT session_id FROM jsonb_to_recordset(p_ends) AS e (session_id text));
    v_projects text[];
    v_entries audit_entry[];
    v_returned record;${keeping.declared}
  BEGIN
    -- Locked first, as by everybody who changes both, and so that nobody else ends the same ones meanwhile.
    SELECT array_agg(DISTINCT project_hash) INTO v_projects FROM sessions WHERE id = ANY (v_ids) AND ended_at IS NULL;
    IF v_projects IS NULL THEN
      RETURN '{}';
    END IF;
    PERFORM lock_slots(v_projects);${keeping.looked}
    -- A renewal that is still committing holds its row: this waits for it and sees it.
    -- opening → failed, active → released | expired | terminated, whatever it was that ended it
    WITH ends AS (
      SELECT DISTINCT ON (session_id) ${keeping.chosen} FROM jsonb_to_recordset(p_ends) AS e (session_id text, state text,
        only_lapsed boolean, keep_quota boolean, event jsonb)${keeping.ordered}
    ), before AS (
      SELECT s.id, s.state, e.state AS asked, coalesce(e.keep_quota, false) AS keep_quota, e.event
      FROM ends e JOIN sessions s ON s.id = e.session_id
      WHERE s.id = ANY (v_ids) AND s.ended_at IS NULL
        AND (s.lease_expires_at <= clock_timestamp() OR NOT coalesce(e.only_lapsed, false))${keeping.spared}
      ORDER BY s.id FOR UPDATE OF s
    ), ended AS (
      UPDATE sessions s SET ended_at = clock_timestamp(), state = CASE
          WHEN b.state = 'opening' THEN 'failed'
          WHEN b.asked = 'failed' THEN 'released'
          ELSE b.asked END
        FROM before b WHERE s.id = b.id
        RETURNING s.id, s.project_hash, s.flow, s.quota_subject, s.quota_month, s.idempotency_key, b.event,
          b.state = 'opening' AND NOT b.keep_quota AS returns_quota,
          b.state = 'opening' OR b.asked = 'failed' AS returns_claim
    ), freed AS (
      -- never below none, also after rows were changed by hand: what counts anew must be reached
      UPDATE project_slots p SET taken = greatest(taken - n, 0), taken_by_vault = greatest(taken_by_vault - by_vault, 0)
        FROM (SELECT project_hash, count(*) AS n, count(*) FILTER (WHERE flow = 'vault') AS by_vault
          FROM ended GROUP BY project_hash) f
        WHERE p.project_hash = f.project_hash
    )
    SELECT array_agg(ROW(e.event, e.outcome, e.actor, e.actor_kind, e.ip, e.request_id, e.trace_id, ended.project_hash,
          ended.id, e.detail)::audit_entry ORDER BY ended.id) AS entries,
        array_agg(idempotency_key) FILTER (WHERE returns_claim AND idempotency_key IS NOT NULL) AS claims,
        array_agg(ended.id) FILTER (WHERE returns_claim AND idempotency_key IS NOT NULL) AS claimants,
        jsonb_agg(jsonb_build_object('subject', quota_subject, 'month', quota_month))
          FILTER (WHERE returns_quota AND quota_subject IS NOT NULL) AS quotas
      INTO v_returned FROM ended, jsonb_populate_record(NULL::audit_entry, ended.event) AS e;
    IF v_returned.claims IS NOT NULL THEN
      DELETE FROM idempotency WHERE key_hash = ANY (v_returned.claims) AND session_id = ANY (v_returned.claimants);
    END IF;
    IF v_returned.quotas IS NOT NULL THEN
      PERFORM FROM quotas q JOIN jsonb_to_recordset(v_returned.quotas) AS r (subject text, month date)
        ON q.subject = r.subject AND q.month = r.month ORDER BY q.subject, q.month FOR UPDATE OF q;
      UPDATE quotas q SET used = greatest(used - n, 0)
        FROM (SELECT subject, month, count(*) AS n FROM jsonb_to_recordset(v_returned.quotas) AS r (subject text, month date)
          GROUP BY subject, month) r
        WHERE q.subject = r.subject AND q.month = r.month;
    END IF;
    v_entries := v_returned.entries;
    RETURN coalesce(v_entries, '{}');
  END $$;
`;

const ENDING = `
${endingHolding()}
  CREATE OR REPLACE FUNCTION end_sessions(p_chain text, p_ends jsonb) RETURNS text[] LANGUAGE plpgsql AS $$
  DECLARE
    v_entries audit_entry[] := end_holding_sessions(p_ends);
  BEGIN
    PERFORM append_entries(p_chain, v_entries);
    RETURN ARRAY(SELECT session_id FROM unnest(v_entries));
  END $$;
  -- For calls of the version before that are under way.
  CREATE OR REPLACE FUNCTION end_live_sessions(p_ends jsonb) RETURNS jsonb LANGUAGE sql AS
    $$ SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM unnest(end_holding_sessions(p_ends)) AS e $$;
`;

const RESERVING_APPENDS = 'PERFORM append_entries(p_chain, v_entries);';

/** The walk under another signature and with another end, and where repetitions that are answered leave a mark. */
export const reserving = (
  signature: string,
  appends: string,
  repetition = { marked: '', unmarked: '' },
): string => `
  -- Answers each request of a batch, in order within its project, and does for it all that precedes the mint:
  -- idempotency claim, limit windows, quota, slot, and the committed record that the key is about to be used.
  -- The project's row makes each answer exact against every other process; the clock is read under it.
  -- What requests share (windows, quotas, slots) is read once, walked in memory, and written once.
  -- A row with ordinal 0 tells in active_sessions how many lapsed sessions were ended on the way.
  CREATE OR REPLACE FUNCTION ${signature} RETURNS TABLE (
    ordinal integer, verdict text, active_sessions integer, window_limit integer, window_remaining integer,
    window_reset_at float8, retry_at float8, sealed_answer bytea, reserved_at float8
  ) LANGUAGE plpgsql ${BY_KEY} AS $$
  #variable_conflict use_column
  DECLARE
    v_now timestamptz;
    v_month date;
    r record;
    v_entries audit_entry[] := '{}';
    v_reserved integer[] := '{}';
    -- aligned: projects in order, what they have taken, and how much of it this batch took
    v_projects text[];
    v_taken integer[];
    v_taken_by_vault integer[];
    v_project integer := 0;
    v_known boolean;
    -- aligned: windows
    v_windows text[];
    v_window_scopes text[];
    v_window_subjects text[];
    v_window_started timestamptz[];
    v_window_used integer[];
    v_window_counted boolean[];
    v_window integer;
    v_scope text;
    v_subject text;
    v_requests integer;
    v_length interval;
    v_reset_at timestamptz;
    -- aligned: quotas
    v_quotas text[];
    v_quota_used bigint[];
    v_quota_added integer[];
    v_quota integer;
    v_claim idempotency;
    -- aligned: clients with a cap of their own, and what they have taken
    v_clients text[] := '{}';
    v_client_taken integer[] := '{}';
    v_client integer;
    v_first_free timestamptz;
    v_lapsed jsonb;
  BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION 'sessions are counted under read committed only: an older snapshot would overlook some'
        USING ERRCODE = 'invalid_transaction_state';
    END IF;
    SELECT array_agg(DISTINCT q.hash ORDER BY q.hash), bool_and(s.project_hash IS NOT NULL) INTO v_projects, v_known
      FROM (SELECT value->>'project_hash' AS hash FROM jsonb_array_elements(p_requests)) AS q
        LEFT JOIN project_slots s ON s.project_hash = q.hash;
    IF NOT v_known THEN
      PERFORM lock_slots(v_projects);
    END IF;
    -- As lock_slots does, and reads what it locks.
    SELECT array_agg(taken), array_agg(taken_by_vault) INTO v_taken, v_taken_by_vault FROM (
      SELECT * FROM project_slots WHERE project_hash = ANY (v_projects) ORDER BY project_hash FOR UPDATE) AS locked;
    v_now := clock_timestamp();
    v_month := date_trunc('month', v_now AT TIME ZONE 'UTC');
    reserved_at := extract(epoch FROM v_now);

    -- Of each project as many as a batch can need, and bounded in all. Of a backlog, as after an outage, the sweeper
    -- ends the rest; until then they hold their slots.
    SELECT jsonb_agg(jsonb_build_object('session_id', id, 'state', 'expired', 'only_lapsed', true, 'event',
        '{"event": "session_expired", "actor_kind": "system", "outcome": "success", "detail": "{}"}'::jsonb))
      INTO v_lapsed FROM (
        SELECT lapsed.id FROM unnest(v_projects) AS p, LATERAL (
          SELECT id FROM sessions
          WHERE project_hash = p AND state IN ('opening', 'active') AND lease_expires_at <= v_now
          ORDER BY lease_expires_at LIMIT ${LAPSED_ENDED.ofProject}) AS lapsed
        LIMIT ${LAPSED_ENDED.inAll}) AS bounded;
    IF v_lapsed IS NOT NULL THEN
      v_entries := end_holding_sessions(v_lapsed);
      ordinal := 0; verdict := 'expired'; active_sessions := cardinality(v_entries);
      RETURN NEXT;
    END IF;

    IF v_lapsed IS NOT NULL THEN
      SELECT array_agg(taken ORDER BY project_hash), array_agg(taken_by_vault ORDER BY project_hash)
        INTO v_taken, v_taken_by_vault FROM project_slots WHERE project_hash = ANY (v_projects);
    END IF;
    SELECT array_agg(scope), array_agg(subject), array_agg(scope || ' ' || subject), array_agg(started_at), array_agg(used)
      INTO v_window_scopes, v_window_subjects, v_windows, v_window_started, v_window_used FROM (
        SELECT * FROM limit_windows WHERE scope = ANY (ARRAY['client', 'project', 'project_address'])
          AND subject = ANY (ARRAY(SELECT w->>'subject'
            FROM jsonb_array_elements(p_requests) AS q, jsonb_array_elements(q->'windows') AS w))
        ORDER BY scope, subject FOR UPDATE) AS locked;
    -- Filled, and kept without gaps: an array that begins with its second element would be read as if it were the first.
    v_window_counted := array_fill(false, ARRAY[coalesce(cardinality(v_windows), 0)]);
    IF p_requests @? '$[*].quota' THEN
      SELECT array_agg(subject), array_agg(used) INTO v_quotas, v_quota_used FROM (
        SELECT * FROM quotas WHERE month = v_month
          AND subject = ANY (ARRAY(SELECT q->'quota'->>'subject' FROM jsonb_array_elements(p_requests) AS q))
        ORDER BY subject FOR UPDATE) AS locked;
    END IF;
    v_quota_added := array_fill(0, ARRAY[coalesce(cardinality(v_quotas), 0)]);

    FOR r IN
      SELECT * FROM ROWS FROM (jsonb_to_recordset(p_requests) AS (session_id text, project_hash text, client text,
        flow text, cap integer, vault_cap integer, client_cap integer, opening_seconds integer, windows jsonb, quota jsonb,
        idempotency jsonb)) WITH ORDINALITY AS q (session_id, project_hash, client, flow, cap, vault_cap, client_cap,
        opening_seconds, windows, quota, idempotency, position) ORDER BY q.project_hash, q.position
    LOOP
      WHILE v_project = 0 OR v_projects[v_project] <> r.project_hash LOOP
        v_project := v_project + 1;
        v_first_free := NULL;
      END LOOP;
      ordinal := r.position;
      active_sessions := v_taken[v_project];
      window_limit := NULL; window_remaining := NULL; window_reset_at := NULL; retry_at := NULL;
      sealed_answer := NULL;

      IF r.idempotency IS NOT NULL THEN
        SELECT * INTO v_claim FROM idempotency WHERE key_hash = decode(r.idempotency->>'key_hash', 'hex')
          AND created_at > v_now - interval '24 hours';
        IF FOUND THEN
          verdict := CASE
            WHEN v_claim.sealed_answer IS NULL OR v_claim.body_hash <> decode(r.idempotency->>'body_hash', 'hex')
              THEN 'idempotency_conflict' ELSE 'replay' END;
          sealed_answer := CASE verdict WHEN 'replay' THEN v_claim.sealed_answer END;${repetition.marked}
          RETURN NEXT;
          CONTINUE;
        END IF;
      END IF;

      verdict := 'reserved';
      FOR i IN 0 .. coalesce(jsonb_array_length(r.windows), 0) - 1 LOOP
        v_scope := r.windows->i->>'scope';
        v_subject := r.windows->i->>'subject';
        v_requests := r.windows->i->'requests';
        v_length := make_interval(secs => (r.windows->i->'seconds')::integer);
        v_window := array_position(v_windows, v_scope || ' ' || v_subject);
        IF v_window IS NULL THEN
          v_window := coalesce(cardinality(v_windows), 0) + 1;
          v_windows[v_window] := v_scope || ' ' || v_subject;
          v_window_scopes[v_window] := v_scope;
          v_window_subjects[v_window] := v_subject;
          v_window_counted[v_window] := false;
        END IF;
        v_reset_at := v_window_started[v_window] + v_length;
        -- a start in the future is one of before the clock was set back
        IF v_reset_at IS NULL OR v_reset_at <= v_now OR v_window_started[v_window] > v_now THEN
          v_window_started[v_window] := v_now;
          v_window_used[v_window] := 0;
          v_reset_at := v_now + v_length;
        END IF;
        window_limit := v_requests;
        window_remaining := greatest(v_requests - v_window_used[v_window] - 1, 0);
        window_reset_at := extract(epoch FROM v_reset_at);
        IF v_window_used[v_window] >= v_requests THEN
          verdict := 'rate_limited:' || v_scope;
          retry_at := window_reset_at;
          EXIT;
        END IF;
        v_window_used[v_window] := v_window_used[v_window] + 1;
        v_window_counted[v_window] := true;
      END LOOP;

      v_quota := NULL;
      IF verdict = 'reserved' AND r.quota IS NOT NULL THEN
        v_quota := array_position(v_quotas, r.quota->>'subject');
        IF v_quota IS NULL THEN
          v_quota := coalesce(cardinality(v_quotas), 0) + 1;
          v_quotas[v_quota] := r.quota->>'subject';
          v_quota_used[v_quota] := 0;
          v_quota_added[v_quota] := 0;
        END IF;
        IF v_quota_used[v_quota] >= (r.quota->>'limit')::bigint THEN
          verdict := 'quota_exceeded';
          retry_at := extract(epoch FROM (v_month + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
      END IF;

      v_client := NULL;
      IF verdict = 'reserved' AND r.client IS NOT NULL AND r.client_cap < r.cap THEN
        v_client := array_position(v_clients, r.project_hash || ' ' || r.client);
        IF v_client IS NULL THEN
          v_clients := v_clients || (r.project_hash || ' ' || r.client);
          v_client := cardinality(v_clients);
          v_client_taken[v_client] := (SELECT count(*) FROM sessions
            WHERE project_hash = r.project_hash AND client = r.client AND state IN ('opening', 'active'));
        END IF;
      END IF;
      IF verdict = 'reserved' AND (v_taken[v_project] >= r.cap OR v_client_taken[v_client] >= r.client_cap
        OR r.flow = 'vault' AND v_taken_by_vault[v_project] >= r.vault_cap)
      THEN
        verdict := 'concurrency_limit_exceeded';
        SELECT extract(epoch FROM greatest(least(min(lease_expires_at), v_first_free), v_now + interval '1 second'))
          INTO retry_at FROM sessions
          WHERE project_hash = r.project_hash AND state IN ('opening', 'active');
      END IF;

      IF verdict = 'reserved' THEN
        IF v_quota IS NOT NULL THEN
          v_quota_used[v_quota] := v_quota_used[v_quota] + 1;
          v_quota_added[v_quota] := v_quota_added[v_quota] + 1;
        END IF;
        IF r.idempotency IS NOT NULL THEN
          -- the one found above may have been older than its 24 hours
          INSERT INTO idempotency VALUES (decode(r.idempotency->>'key_hash', 'hex'),
              decode(r.idempotency->>'body_hash', 'hex'), r.session_id, NULL, v_now)
            ON CONFLICT (key_hash) DO UPDATE SET body_hash = excluded.body_hash, session_id = excluded.session_id,
              sealed_answer = NULL, created_at = excluded.created_at${repetition.unmarked};
        END IF;
        IF v_client IS NOT NULL THEN
          v_client_taken[v_client] := v_client_taken[v_client] + 1;
        END IF;
        v_taken[v_project] := v_taken[v_project] + 1;
        v_taken_by_vault[v_project] := v_taken_by_vault[v_project] + (r.flow = 'vault')::integer;
        v_first_free := least(v_first_free, v_now + make_interval(secs => r.opening_seconds));
        v_reserved := v_reserved || ordinal;
        active_sessions := v_taken[v_project];
      END IF;
      RETURN NEXT;
    END LOOP;

    INSERT INTO limit_windows
      SELECT x.scope, x.subject, x.started_at, x.used
      FROM unnest(v_window_scopes, v_window_subjects, v_window_started, v_window_used, v_window_counted)
        AS x (scope, subject, started_at, used, counted) WHERE x.counted
      ON CONFLICT (scope, subject) DO UPDATE SET started_at = excluded.started_at, used = excluded.used;
    IF cardinality(v_reserved) > 0 THEN
      IF v_quotas IS NOT NULL THEN
        INSERT INTO quotas
          SELECT x.subject, v_month, x.added FROM unnest(v_quotas, v_quota_added) AS x (subject, added) WHERE x.added > 0
          ON CONFLICT (subject, month) DO UPDATE SET used = quotas.used + excluded.used;
      END IF;
      UPDATE project_slots p SET taken = x.taken, taken_by_vault = x.by_vault
        FROM unnest(v_projects, v_taken, v_taken_by_vault) AS x (project_hash, taken, by_vault)
        WHERE p.project_hash = x.project_hash AND p.taken <> x.taken;
      INSERT INTO sessions (id, project_hash, client, flow, state, model, voice, key_fingerprint, lease_token_hash,
          lease_seconds, lease_expires_at, ends_at, opened_at, quota_subject, quota_month, idempotency_key)
        SELECT q.session_id, q.project_hash, q.client, q.flow, 'opening', q.model, q.voice, q.key_fingerprint,
          decode(q.lease_token_hash, 'hex'), q.lease_seconds, v_now + make_interval(secs => q.opening_seconds),
          v_now + make_interval(secs => q.max_duration_seconds), v_now, q.quota->>'subject',
          CASE WHEN q.quota IS NOT NULL THEN v_month END, decode(q.idempotency->>'key_hash', 'hex')
        FROM ROWS FROM (jsonb_to_recordset(p_requests) AS (session_id text, project_hash text, client text, flow text,
            model text, voice text, key_fingerprint text, lease_token_hash text, lease_seconds integer,
            opening_seconds integer, max_duration_seconds integer, quota jsonb, idempotency jsonb)
          ) WITH ORDINALITY AS q (session_id, project_hash, client, flow, model, voice, key_fingerprint,
            lease_token_hash, lease_seconds, opening_seconds, max_duration_seconds, quota, idempotency, position)
        WHERE q.position = ANY (v_reserved);
      v_entries := v_entries || ARRAY(
        SELECT ROW(e.event, e.outcome, e.actor, e.actor_kind, e.ip, e.request_id, e.trace_id, q.project_hash,
          q.session_id, e.detail)::audit_entry
        FROM ROWS FROM (jsonb_to_recordset(p_requests) AS (session_id text, project_hash text, event jsonb)
          ) WITH ORDINALITY AS q (session_id, project_hash, event, position),
          jsonb_populate_record(NULL::audit_entry, q.event) AS e
        WHERE q.position = ANY (v_reserved) ORDER BY q.project_hash, q.position);
    END IF;
    ${appends}
  END $$;
`;

const ACTIVATING = `
  -- Turns opening sessions whose lease still runs into active ones, records them and keeps their sealed answers.
  -- An element: {session_id, provider_session_id?, voice?, lease_expires_at (unix seconds), sealed_answer?, event}.
  -- Returns the ids that were activated.
  CREATE OR REPLACE FUNCTION activate_sessions(p_chain text, p_sessions jsonb) RETURNS text[] LANGUAGE plpgsql ${BY_KEY}
  AS $$
  DECLARE
    v_ids text[] := ARRAY(SELECT session_id FROM jsonb_to_recordset(p_sessions) AS i (session_id text));
    v_entries audit_entry[];
  BEGIN
    -- In the order in which those who end sessions lock them.
    PERFORM FROM sessions WHERE id = ANY (v_ids) ORDER BY id FOR UPDATE;
    WITH activated AS (
      UPDATE sessions s SET state = 'active', activated_at = clock_timestamp(),
          provider_session_id = i.provider_session_id, voice = coalesce(i.voice, s.voice),
          lease_expires_at = least(to_timestamp(i.lease_expires_at), s.ends_at)
        FROM jsonb_to_recordset(p_sessions) AS i (session_id text, provider_session_id text, voice text,
          lease_expires_at float8, event jsonb)
        WHERE s.id = ANY (v_ids) AND s.id = i.session_id AND s.activated_at IS NULL AND s.ended_at IS NULL
          AND s.lease_expires_at > clock_timestamp()
        RETURNING s.id, s.project_hash, i.event
    )
    SELECT array_agg(a.id), array_agg(ROW(e.event, e.outcome, e.actor, e.actor_kind, e.ip, e.request_id, e.trace_id,
        a.project_hash, a.id, e.detail)::audit_entry)
      INTO v_ids, v_entries FROM activated a, jsonb_populate_record(NULL::audit_entry, a.event) AS e;
    IF p_sessions @? '$[*].sealed_answer' THEN
      UPDATE idempotency k SET sealed_answer = decode(i.sealed_answer, 'hex')
        FROM jsonb_to_recordset(p_sessions) AS i (session_id text, sealed_answer text), sessions s
        WHERE s.id = ANY (v_ids) AND s.id = i.session_id AND k.key_hash = s.idempotency_key AND k.session_id = s.id;
    END IF;
    PERFORM append_entries(p_chain, v_entries);
    RETURN coalesce(v_ids, '{}');
  END $$;
`;
