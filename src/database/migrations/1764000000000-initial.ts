import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables, and the functions through which a session's steps are one round trip and one commit each. */
export class Initial1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    await runner.query(INITIAL_SESSION_INDEXES);
    await runner.query(AUDIT);
    await runner.query(INITIAL_AUDIT_INDEXES);
    await runner.query(INITIAL_AUDIT_APPEND);
    await runner.query(INITIAL_STEPS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION activate_sessions(text, jsonb), end_sessions(text, jsonb), reserve_sessions(text, jsonb),
        take_window(text, jsonb, timestamptz), end_live_sessions(jsonb), audit_append(text, jsonb), json_text(text);
      DROP TABLE audit_events, audit_heads, idempotency, quotas, limit_windows, sessions, installation;
      DROP FUNCTION refuse_audit_change();
    `);
  }
}

const TABLES = `
  CREATE TABLE installation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    namespace text NOT NULL,
    -- keys the pseudonyms (project_hash) of every other table
    pseudonym_key bytea NOT NULL CHECK (length(pseudonym_key) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
  );

  -- A session holds a slot of its project exactly while its state is opening or active: leaving those states is
  -- always an explicit, audited transition, also when a lease merely lapsed.
  CREATE TABLE sessions (
    id text PRIMARY KEY,
    project_hash text NOT NULL,
    client text,
    flow text NOT NULL CHECK (flow IN ('vault', 'commercial')),
    state text NOT NULL CHECK (state IN ('opening', 'active', 'released', 'expired', 'terminated', 'failed')),
    model text NOT NULL,
    voice text,
    key_fingerprint text NOT NULL,
    lease_token_hash bytea NOT NULL,
    lease_seconds integer NOT NULL CHECK (lease_seconds > 0),
    lease_expires_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    activated_at timestamptz,
    ended_at timestamptz,
    provider_session_id text,
    -- what an opening session gives back when it fails
    quota_subject text,
    quota_month date,
    idempotency_key bytea,
    CHECK ((client IS NULL) = (flow = 'vault')),
    CHECK ((ended_at IS NULL) = (state IN ('opening', 'active'))),
    CHECK ((quota_subject IS NULL) = (quota_month IS NULL))
  ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
  -- counts a project's slots and finds those whose lease lapsed
  CREATE INDEX sessions_live ON sessions (project_hash, lease_expires_at) INCLUDE (flow, client)
    WHERE state IN ('opening', 'active');

  CREATE TABLE limit_windows (
    scope text NOT NULL CHECK (scope IN ('project', 'client', 'project_address')),
    subject text NOT NULL,
    started_at timestamptz NOT NULL,
    used integer NOT NULL,
    PRIMARY KEY (scope, subject)
  ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
  CREATE INDEX limit_windows_started ON limit_windows (started_at);

  CREATE TABLE quotas (
    subject text NOT NULL,
    month date NOT NULL,
    used bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (subject, month)
  ) WITH (fillfactor = 50);

  CREATE TABLE idempotency (
    key_hash bytea PRIMARY KEY,
    body_hash bytea NOT NULL,
    session_id text NOT NULL,
    -- null while the first request with this key is still running
    sealed_answer bytea,
    created_at timestamptz NOT NULL
  );
  CREATE INDEX idempotency_created ON idempotency (created_at);
`;

export const INITIAL_SESSION_INDEXES = `
  -- finds the lapsed leases of all projects
  CREATE INDEX sessions_lapsing ON sessions (lease_expires_at) WHERE state IN ('opening', 'active');
  -- GET /sessions, newest first, of all and of one project
  CREATE INDEX sessions_opened ON sessions (opened_at, id);
  CREATE INDEX sessions_of_project ON sessions (project_hash, opened_at, id);
  -- deletes ended sessions after their retention
  CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
`;

const AUDIT = `
  CREATE TABLE audit_events (
    chain text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    time timestamptz NOT NULL CHECK (time = date_trunc('milliseconds', time)),
    event text NOT NULL,
    project_hash text,
    actor text,
    actor_kind text NOT NULL CHECK (actor_kind IN ('client', 'project', 'admin', 'system', 'anonymous')),
    ip text,
    request_id text,
    trace_id text,
    outcome text NOT NULL CHECK (outcome IN ('success', 'failure')),
    session_id text,
    detail jsonb NOT NULL,
    prev_hash text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (chain, seq)
  );

  CREATE TABLE audit_heads (
    chain text PRIMARY KEY,
    seq bigint NOT NULL,
    hash text NOT NULL,
    at timestamptz NOT NULL
  ) WITH (fillfactor = 50);

  CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'audit rows are only ever inserted' USING ERRCODE = 'insufficient_privilege';
  END $$;
  CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

  -- RFC 8785 text of a string or null
  CREATE FUNCTION json_text(value text) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT coalesce(to_json(value)::text, 'null') $$;
`;

export const INITIAL_AUDIT_INDEXES = `
  -- GET /audit-logs, newest first, of all, of one project and of one event
  CREATE INDEX audit_events_time ON audit_events (time, chain, seq);
  CREATE INDEX audit_events_project ON audit_events (project_hash, time, chain, seq);
  CREATE INDEX audit_events_event ON audit_events (event, time, chain, seq);
`;

export const INITIAL_AUDIT_APPEND = `
  -- Appends events, in order, to a chain. Only the chain's own writer appends to it, so its head is not contended.
  -- An event's detail is RFC 8785 text of an object. Keys are written in RFC 8785 order.
  CREATE FUNCTION audit_append(p_chain text, p_events jsonb) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    v_event jsonb;
    v_seq bigint;
    v_prev text;
    v_hash text;
    v_time timestamptz;
  BEGIN
    IF jsonb_array_length(p_events) = 0 THEN
      RETURN;
    END IF;
    INSERT INTO audit_heads (chain, seq, hash, at) VALUES (p_chain, 0, repeat('0', 64), clock_timestamp())
      ON CONFLICT (chain) DO NOTHING;
    SELECT seq, hash INTO v_seq, v_hash FROM audit_heads WHERE chain = p_chain FOR UPDATE;
    FOR v_event IN SELECT value FROM jsonb_array_elements(p_events) LOOP
      v_seq := v_seq + 1;
      v_time := date_trunc('milliseconds', clock_timestamp());
      v_prev := v_hash;
      v_hash := encode(sha256(convert_to(v_prev
        || '{"actor":' || json_text(v_event->>'actor')
        || ',"actor_kind":' || json_text(v_event->>'actor_kind')
        || ',"chain":' || json_text(p_chain)
        || ',"detail":' || (v_event->>'detail')
        || ',"event":' || json_text(v_event->>'event')
        || ',"ip":' || json_text(v_event->>'ip')
        || ',"outcome":' || json_text(v_event->>'outcome')
        || ',"project_hash":' || json_text(v_event->>'project_hash')
        || ',"request_id":' || json_text(v_event->>'request_id')
        || ',"seq":' || v_seq
        || ',"session_id":' || json_text(v_event->>'session_id')
        || ',"time":' || json_text(to_char(v_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        || ',"trace_id":' || json_text(v_event->>'trace_id') || '}', 'UTF8')), 'hex');
      INSERT INTO audit_events VALUES (p_chain, v_seq, v_time, v_event->>'event', v_event->>'project_hash',
        v_event->>'actor', v_event->>'actor_kind', v_event->>'ip', v_event->>'request_id', v_event->>'trace_id',
        v_event->>'outcome', v_event->>'session_id', (v_event->>'detail')::jsonb, v_prev, v_hash);
    END LOOP;
    UPDATE audit_heads SET seq = v_seq, hash = v_hash, at = clock_timestamp() WHERE chain = p_chain;
  END $$;
`;

export const INITIAL_STEPS = `
  -- Ends those of the named sessions that still hold a slot, gives back what an opening one had taken, and
  -- returns their audit events for the caller to append.
  -- An element: {session_id, state, only_lapsed?, keep_quota?, event}.
  CREATE FUNCTION end_live_sessions(p_ends jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
  DECLARE
    v_end jsonb;
    v_session sessions;
    v_events jsonb := '[]';
  BEGIN
    FOR v_end IN SELECT value FROM jsonb_array_elements(p_ends) ORDER BY value->>'session_id' LOOP
      SELECT * INTO v_session FROM sessions
        WHERE id = v_end->>'session_id' AND state IN ('opening', 'active')
          AND (lease_expires_at <= clock_timestamp() OR NOT coalesce((v_end->>'only_lapsed')::boolean, false))
        FOR UPDATE;
      CONTINUE WHEN NOT FOUND;
      -- opening → failed, active → released | expired | terminated, whatever it was that ended it
      UPDATE sessions SET ended_at = clock_timestamp(), state = CASE
          WHEN v_session.state = 'opening' THEN 'failed'
          WHEN v_end->>'state' = 'failed' THEN 'released'
          ELSE v_end->>'state' END
        WHERE id = v_session.id;
      IF v_session.state = 'opening' AND NOT coalesce((v_end->>'keep_quota')::boolean, false) THEN
        UPDATE quotas SET used = used - 1
          WHERE subject = v_session.quota_subject AND month = v_session.quota_month AND used > 0;
      END IF;
      IF v_session.state = 'opening' OR v_end->>'state' = 'failed' THEN
        DELETE FROM idempotency WHERE key_hash = v_session.idempotency_key AND session_id = v_session.id;
      END IF;
      v_events := v_events || ((v_end->'event') ||
        jsonb_build_object('session_id', v_session.id, 'project_hash', v_session.project_hash));
    END LOOP;
    RETURN v_events;
  END $$;

  CREATE FUNCTION end_sessions(p_chain text, p_ends jsonb) RETURNS text[] LANGUAGE plpgsql AS $$
  DECLARE
    v_events jsonb := end_live_sessions(p_ends);
  BEGIN
    PERFORM audit_append(p_chain, v_events);
    RETURN ARRAY(SELECT value->>'session_id' FROM jsonb_array_elements(v_events));
  END $$;

  -- Counts one request in a fixed window {scope, subject, requests, seconds}, unless the window is used up.
  CREATE FUNCTION take_window(p_window jsonb, p_now timestamptz, OUT allowed boolean, OUT remaining integer,
    OUT reset_at timestamptz) LANGUAGE plpgsql AS $$
  DECLARE
    v_requests integer := p_window->>'requests';
    v_length interval := make_interval(secs => (p_window->>'seconds')::integer);
    v_started timestamptz;
    v_used integer;
  BEGIN
    SELECT started_at, used INTO v_started, v_used FROM limit_windows
      WHERE scope = p_window->>'scope' AND subject = p_window->>'subject' FOR UPDATE;
    -- a start in the future is one of before the clock was set back
    IF v_started IS NULL OR v_started + v_length <= p_now OR v_started > p_now THEN
      v_started := p_now;
      v_used := 0;
    END IF;
    allowed := v_used < v_requests;
    reset_at := v_started + v_length;
    remaining := greatest(v_requests - v_used - 1, 0);
    IF allowed THEN
      INSERT INTO limit_windows VALUES (p_window->>'scope', p_window->>'subject', v_started, v_used + 1)
        ON CONFLICT (scope, subject) DO UPDATE SET started_at = v_started, used = v_used + 1;
    END IF;
  END $$;

  -- Answers each request of a batch, in order within its project, and does for it all that precedes the mint:
  -- idempotency claim, limit windows, quota, slot, and the committed record that the key is about to be used.
  -- The project lock makes each answer exact against every other process; clocks are read under it.
  CREATE FUNCTION reserve_sessions(p_chain text, p_requests jsonb) RETURNS TABLE (
    ordinal integer, verdict text, active_sessions integer, window_limit integer, window_remaining integer,
    window_reset_at float8, retry_at float8, sealed_answer bytea, reserved_at float8
  ) LANGUAGE plpgsql AS $$
  DECLARE
    v_projects text[];
    v_project text;
    v_request jsonb;
    v_window jsonb;
    v_events jsonb;
    v_now timestamptz;
    v_active integer;
    v_active_vault integer;
    v_active_client integer;
    v_first_free timestamptz;
    v_claim idempotency;
    v_taken record;
    v_quota_subject text;
    v_quota_month date;
    v_quota_used bigint;
  BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION 'sessions are counted under read committed only: an older snapshot would overlook some'
        USING ERRCODE = 'invalid_transaction_state';
    END IF;
    SELECT array_agg(DISTINCT value->>'project_hash' ORDER BY value->>'project_hash') INTO v_projects
      FROM jsonb_array_elements(p_requests);
    FOREACH v_project IN ARRAY v_projects LOOP
      PERFORM pg_advisory_xact_lock(('x' || left(v_project, 16))::bit(64)::bigint);
    END LOOP;

    -- A renewal that is still committing holds its row: ending lapsed leases first waits for it and sees it.
    SELECT end_live_sessions(jsonb_agg(jsonb_build_object('session_id', id, 'state', 'expired', 'only_lapsed', true,
      'event', jsonb_build_object('event', 'session_expired', 'actor_kind', 'system', 'outcome', 'success', 'detail', '{}'))))
      INTO v_events FROM sessions
      WHERE project_hash = ANY (v_projects) AND state IN ('opening', 'active') AND lease_expires_at <= clock_timestamp();
    v_events := coalesce(v_events, '[]');

    v_project := NULL;
    FOR ordinal, v_request IN
      SELECT o::integer, value FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS r (value, o)
      ORDER BY value->>'project_hash', o
    LOOP
      IF v_project IS DISTINCT FROM v_request->>'project_hash' THEN
        v_project := v_request->>'project_hash';
        SELECT count(*), count(*) FILTER (WHERE flow = 'vault'), min(lease_expires_at)
          INTO v_active, v_active_vault, v_first_free FROM sessions
          WHERE project_hash = v_project AND state IN ('opening', 'active');
      END IF;
      v_now := clock_timestamp();
      reserved_at := extract(epoch FROM v_now);
      active_sessions := v_active;
      window_limit := NULL; window_remaining := NULL; window_reset_at := NULL; retry_at := NULL;
      sealed_answer := NULL;

      IF v_request->'idempotency' IS NOT NULL THEN
        SELECT * INTO v_claim FROM idempotency WHERE key_hash = decode(v_request->'idempotency'->>'key_hash', 'hex')
          AND created_at > v_now - interval '24 hours';
        IF FOUND THEN
          verdict := CASE
            WHEN v_claim.sealed_answer IS NULL OR v_claim.body_hash <> decode(v_request->'idempotency'->>'body_hash', 'hex')
              THEN 'idempotency_conflict' ELSE 'replay' END;
          sealed_answer := CASE verdict WHEN 'replay' THEN v_claim.sealed_answer END;
          RETURN NEXT;
          CONTINUE;
        END IF;
      END IF;

      verdict := 'reserved';
      FOR v_window IN SELECT value FROM jsonb_array_elements(v_request->'windows') LOOP
        v_taken := take_window(v_window, v_now);
        window_limit := v_window->>'requests';
        window_remaining := v_taken.remaining;
        window_reset_at := extract(epoch FROM v_taken.reset_at);
        IF NOT v_taken.allowed THEN
          verdict := 'rate_limited:' || (v_window->>'scope');
          retry_at := window_reset_at;
          EXIT;
        END IF;
      END LOOP;

      v_quota_subject := v_request->'quota'->>'subject';
      v_quota_month := NULL;
      IF verdict = 'reserved' AND v_quota_subject IS NOT NULL THEN
        v_quota_month := date_trunc('month', v_now AT TIME ZONE 'UTC');
        SELECT used INTO v_quota_used FROM quotas WHERE subject = v_quota_subject AND month = v_quota_month FOR UPDATE;
        -- no row yet is no use yet: a quota of none refuses the first one, too
        IF coalesce(v_quota_used, 0) >= (v_request->'quota'->>'limit')::bigint THEN
          verdict := 'quota_exceeded';
          retry_at := extract(epoch FROM (v_quota_month + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
      END IF;

      IF verdict = 'reserved' AND (v_request->>'client_cap')::integer < (v_request->>'cap')::integer THEN
        SELECT count(*) INTO v_active_client FROM sessions WHERE project_hash = v_project
          AND client = v_request->>'client' AND state IN ('opening', 'active');
      ELSE
        v_active_client := -1;
      END IF;
      IF verdict = 'reserved' AND (v_active >= (v_request->>'cap')::integer
        OR v_active_client >= (v_request->>'client_cap')::integer
        OR v_request->>'flow' = 'vault' AND v_active_vault >= (v_request->>'vault_cap')::integer)
      THEN
        verdict := 'concurrency_limit_exceeded';
        retry_at := extract(epoch FROM v_first_free);
      END IF;

      IF verdict = 'reserved' THEN
        IF v_quota_month IS NOT NULL THEN
          INSERT INTO quotas VALUES (v_quota_subject, v_quota_month, 1)
            ON CONFLICT (subject, month) DO UPDATE SET used = quotas.used + 1;
        END IF;
        IF v_request->'idempotency' IS NOT NULL THEN
          -- the one found above may have been older than its 24 hours
          INSERT INTO idempotency VALUES (decode(v_request->'idempotency'->>'key_hash', 'hex'),
              decode(v_request->'idempotency'->>'body_hash', 'hex'), v_request->>'session_id', NULL, v_now)
            ON CONFLICT (key_hash) DO UPDATE SET body_hash = excluded.body_hash, session_id = excluded.session_id,
              sealed_answer = NULL, created_at = excluded.created_at;
        END IF;
        INSERT INTO sessions (id, project_hash, client, flow, state, model, voice, key_fingerprint, lease_token_hash,
            lease_seconds, lease_expires_at, ends_at, opened_at, quota_subject, quota_month, idempotency_key)
          VALUES (v_request->>'session_id', v_project, v_request->>'client', v_request->>'flow', 'opening',
            v_request->>'model', v_request->>'voice', v_request->>'key_fingerprint',
            decode(v_request->>'lease_token_hash', 'hex'), (v_request->>'lease_seconds')::integer,
            v_now + make_interval(secs => (v_request->>'opening_seconds')::integer),
            v_now + make_interval(secs => (v_request->>'max_duration_seconds')::integer), v_now,
            CASE WHEN v_quota_month IS NOT NULL THEN v_quota_subject END, v_quota_month,
            decode(v_request->'idempotency'->>'key_hash', 'hex'));
        v_active := v_active + 1;
        v_active_vault := v_active_vault + (v_request->>'flow' = 'vault')::integer;
        v_first_free := least(v_first_free, v_now + make_interval(secs => (v_request->>'opening_seconds')::integer));
        active_sessions := v_active;
        v_events := v_events || ((v_request->'event') ||
          jsonb_build_object('session_id', v_request->>'session_id', 'project_hash', v_project));
      END IF;
      RETURN NEXT;
    END LOOP;
    PERFORM audit_append(p_chain, v_events);
  END $$;

  -- Turns opening sessions whose lease still runs into active ones, records them and keeps their sealed answers.
  -- An element: {session_id, provider_session_id?, voice?, lease_expires_at (unix seconds), sealed_answer?, event}.
  -- Returns the ids that were activated.
  CREATE FUNCTION activate_sessions(p_chain text, p_sessions jsonb) RETURNS text[] LANGUAGE plpgsql AS $$
  DECLARE
    v_item jsonb;
    v_session sessions;
    v_events jsonb := '[]';
  BEGIN
    FOR v_item IN SELECT value FROM jsonb_array_elements(p_sessions) ORDER BY value->>'session_id' LOOP
      UPDATE sessions SET state = 'active', activated_at = clock_timestamp(),
          provider_session_id = v_item->>'provider_session_id', voice = coalesce(v_item->>'voice', voice),
          lease_expires_at = least(to_timestamp((v_item->>'lease_expires_at')::float8), ends_at)
        WHERE id = v_item->>'session_id' AND state = 'opening' AND lease_expires_at > clock_timestamp()
        RETURNING * INTO v_session;
      CONTINUE WHEN NOT FOUND;
      UPDATE idempotency SET sealed_answer = decode(v_item->>'sealed_answer', 'hex')
        WHERE key_hash = v_session.idempotency_key AND session_id = v_session.id;
      v_events := v_events || ((v_item->'event') ||
        jsonb_build_object('session_id', v_session.id, 'project_hash', v_session.project_hash));
    END LOOP;
    PERFORM audit_append(p_chain, v_events);
    RETURN ARRAY(SELECT value->>'session_id' FROM jsonb_array_elements(v_events));
  END $$;
`;
