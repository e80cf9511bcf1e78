import type { MigrationInterface, QueryRunner } from 'typeorm';
import { BATCHES_APPEND_ENTRIES, BY_KEY } from './1764600000000-batches.ts';

/**
 * What appends rows can also return them as lines, for a second place. Signed heads of chains are kept, and one of a
 * sort of its own stands where a chain's oldest rows were: only rows before such a one can be deleted.
 */
export class AuditCheckpoints1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE');
    await runner.query(APPENDING);
    await runner.query(CHECKPOINTS);
    await runner.query(PRUNING);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE');
    await runner.query(`
      DROP TRIGGER audit_events_pruned_only ON audit_events;
      DROP TRIGGER audit_events_append_only ON audit_events;
      CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
      DROP FUNCTION prune_chain(jsonb);
      DROP TABLE audit_checkpoints;
      DROP FUNCTION refuse_unpruned_events(), refuse_unpruned_checkpoints(), audit_append(text, jsonb, boolean),
        append_entries(text, audit_entry[], boolean), append_entries(text, audit_entry[]);
      ${BATCHES_APPEND_ENTRIES}
    `);
  }
}

const APPENDING = `
  -- Appends entries, in order, to a chain. Only the chain's own writer appends to it, so its head is not contended.
  -- Hashed text has its keys in RFC 8785 order. With p_echo it returns the rows as the lines of an export.
  CREATE FUNCTION append_entries(p_chain text, p_entries audit_entry[], p_echo boolean) RETURNS text[]
  LANGUAGE plpgsql AS $$
  DECLARE
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp());
    v_time text := json_text(to_char(v_now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
    v_seq bigint;
    v_hash text;
    v_entry audit_entry;
    -- of the row before the first, then of each
    v_hashes text[];
  BEGIN
    IF coalesce(cardinality(p_entries), 0) = 0 THEN
      RETURN '{}';
    END IF;
    SELECT seq, hash INTO v_seq, v_hash FROM audit_heads WHERE chain = p_chain FOR UPDATE;
    IF NOT FOUND THEN
      v_seq := 0;
      v_hash := repeat('0', 64);
      INSERT INTO audit_heads (chain, seq, hash, at) VALUES (p_chain, v_seq, v_hash, v_now);
    END IF;
    v_hashes := ARRAY[v_hash];
    FOREACH v_entry IN ARRAY p_entries LOOP
      v_hash := encode(sha256(convert_to(v_hash
        || '{"actor":' || json_text(v_entry.actor)
        || ',"actor_kind":' || json_text(v_entry.actor_kind)
        || ',"chain":' || json_text(p_chain)
        || ',"detail":' || v_entry.detail
        || ',"event":' || json_text(v_entry.event)
        || ',"ip":' || json_text(v_entry.ip)
        || ',"outcome":' || json_text(v_entry.outcome)
        || ',"project_hash":' || json_text(v_entry.project_hash)
        || ',"request_id":' || json_text(v_entry.request_id)
        || ',"seq":' || (v_seq + cardinality(v_hashes))
        || ',"session_id":' || json_text(v_entry.session_id)
        || ',"time":' || v_time
        || ',"trace_id":' || json_text(v_entry.trace_id) || '}', 'UTF8')), 'hex');
      v_hashes := v_hashes || v_hash;
    END LOOP;
    WITH appended AS (
      INSERT INTO audit_events
        SELECT p_chain, v_seq + o, v_now, e.event, e.project_hash, e.actor, e.actor_kind, e.ip, e.request_id,
          e.trace_id, e.outcome, e.session_id, e.detail::jsonb, e.prev_hash, e.hash
        FROM ROWS FROM (unnest(p_entries), unnest(v_hashes), unnest(v_hashes[2:])) WITH ORDINALITY AS e (event, outcome,
          actor, actor_kind, ip, request_id, trace_id, project_hash, session_id, detail, prev_hash, hash, o)
        WHERE e.hash IS NOT NULL
    )
    UPDATE audit_heads SET seq = v_seq + cardinality(p_entries), hash = v_hash, at = v_now WHERE chain = p_chain;
    IF NOT p_echo THEN
      RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT '{"chain":' || json_text(p_chain)
        || ',"seq":' || (v_seq + o)
        || ',"time":' || v_time
        || ',"event":' || json_text(e.event)
        || ',"project_hash":' || json_text(e.project_hash)
        || ',"actor":' || json_text(e.actor)
        || ',"actor_kind":' || json_text(e.actor_kind)
        || ',"ip":' || json_text(e.ip)
        || ',"request_id":' || json_text(e.request_id)
        || ',"trace_id":' || json_text(e.trace_id)
        || ',"outcome":' || json_text(e.outcome)
        || ',"session_id":' || json_text(e.session_id)
        || ',"detail":' || e.detail
        || ',"prev_hash":"' || v_hashes[o] || '","hash":"' || v_hashes[o + 1] || '"}'
      FROM unnest(p_entries) WITH ORDINALITY AS e (event, outcome, actor, actor_kind, ip, request_id,
        trace_id, project_hash, session_id, detail, o) ORDER BY o);
  END $$;

  CREATE FUNCTION audit_append(p_chain text, p_events jsonb, p_echo boolean) RETURNS text[] LANGUAGE sql ${BY_KEY} AS $$
    SELECT append_entries(p_chain,
      ARRAY(SELECT jsonb_populate_record(NULL::audit_entry, value) FROM jsonb_array_elements(p_events)), p_echo);
  $$;

  -- For processes of the version before, and the steps that they use.
  CREATE OR REPLACE FUNCTION append_entries(p_chain text, p_entries audit_entry[]) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM append_entries(p_chain, p_entries, false);
  END $$;
`;

const CHECKPOINTS = `
  -- Signed heads of chains: of kind head, as their writers signed them; of kind pruned, the last row that a pruning
  -- took from one chain, at which its rest begins. heads: [{"chain", "seq", "hash"}]
  CREATE TABLE audit_checkpoints (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('head', 'pruned')),
    time timestamptz NOT NULL CHECK (time = date_trunc('milliseconds', time)),
    heads jsonb NOT NULL CHECK (jsonb_typeof(heads) = 'array'),
    -- fingerprint of the public key
    key text NOT NULL,
    signature text NOT NULL,
    CHECK (kind <> 'pruned' OR jsonb_array_length(heads) = 1)
  );
  -- whether a chain's rows up to a seq may be gone
  CREATE UNIQUE INDEX audit_checkpoints_pruned
    ON audit_checkpoints ((heads->0->>'chain'), ((heads->0->>'seq')::bigint)) WHERE kind = 'pruned';

  CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
`;

const PRUNING = `
  -- Whoever may delete at all deletes only what a checkpoint of kind pruned stands for. It is not known here whether
  -- that one's signature is right: whoever verifies knows.
  CREATE FUNCTION refuse_unpruned_events() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NOT EXISTS (SELECT FROM gone) OR EXISTS (
      SELECT FROM (SELECT chain, max(seq) AS seq FROM gone GROUP BY chain) g WHERE NOT EXISTS (
        SELECT FROM audit_checkpoints c WHERE c.kind = 'pruned'
          AND c.heads->0->>'chain' = g.chain AND (c.heads->0->>'seq')::bigint >= g.seq))
    THEN
      RAISE EXCEPTION 'audit rows are only ever inserted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
  END $$;

  CREATE FUNCTION refuse_unpruned_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NOT EXISTS (SELECT FROM gone) OR EXISTS (
      SELECT FROM gone, jsonb_to_recordset(gone.heads) AS h (chain text, seq bigint) WHERE NOT EXISTS (
        SELECT FROM audit_checkpoints c WHERE c.kind = 'pruned'
          AND c.heads->0->>'chain' = h.chain AND (c.heads->0->>'seq')::bigint >= h.seq))
    THEN
      RAISE EXCEPTION 'audit checkpoints are only ever inserted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
  END $$;

  DROP TRIGGER audit_events_append_only ON audit_events;
  CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
  CREATE TRIGGER audit_events_pruned_only AFTER DELETE ON audit_events REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unpruned_events();
  CREATE TRIGGER audit_checkpoints_pruned_only AFTER DELETE ON audit_checkpoints REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unpruned_checkpoints();

  -- Replaces a chain's rows up to a checkpoint's, which must be one of them, by the checkpoint; returns how many. The
  -- one that stood there before has had its time.
  CREATE FUNCTION prune_chain(p_checkpoint jsonb) RETURNS bigint LANGUAGE plpgsql ${BY_KEY} AS $$
  DECLARE
    v_chain text := p_checkpoint->'heads'->0->>'chain';
    v_seq bigint := p_checkpoint->'heads'->0->>'seq';
    v_rows bigint;
  BEGIN
    IF NOT EXISTS (SELECT FROM audit_events
      WHERE chain = v_chain AND seq = v_seq AND hash = p_checkpoint->'heads'->0->>'hash')
    THEN
      RAISE EXCEPTION 'the chain has no such row' USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO audit_checkpoints (kind, time, heads, key, signature)
      SELECT 'pruned', time, heads, key, signature
      FROM jsonb_to_record(p_checkpoint) AS c (time timestamptz, heads jsonb, key text, signature text);
    DELETE FROM audit_events WHERE chain = v_chain AND seq <= v_seq;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    IF EXISTS (SELECT FROM audit_checkpoints WHERE kind = 'pruned'
      AND heads->0->>'chain' = v_chain AND (heads->0->>'seq')::bigint < v_seq)
    THEN
      DELETE FROM audit_checkpoints WHERE kind = 'pruned'
        AND heads->0->>'chain' = v_chain AND (heads->0->>'seq')::bigint < v_seq;
    END IF;
    RETURN v_rows;
  END $$;
`;
