import type { MigrationInterface, QueryRunner } from 'typeorm';
import { endingHolding } from './1764600000000-batches.ts';
import { walking } from './1765200000000-whole-batches.ts';

/**
 * Who hangs up has no use for the session that was being opened, unless it asked again under its Idempotency-Key and was
 * given that very answer. Which of the two is first, the repetition or the end, the project's lock decides.
 */
export class RepeatedAnswers1765400000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE idempotency ADD COLUMN repeated boolean NOT NULL DEFAULT false');
    await runner.query(walking(MARKING));
    await runner.query(endingHolding(KEEPING));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(walking());
    await runner.query(endingHolding());
    await runner.query('ALTER TABLE idempotency DROP COLUMN repeated');
  }
}

const MARKING = {
  marked: `
          IF verdict = 'replay' AND NOT v_claim.repeated THEN
            UPDATE idempotency SET repeated = true WHERE key_hash = v_claim.key_hash;
          END IF;`,
  unmarked: ', repeated = false',
};

/**
 * Of several ends of one session, one that somebody asked for comes before one for want of a reader, and that before one
 * which only a lapsed lease allows. A secret was minted if any of them says so.
 */
const KEEPING = {
  declared: `
    v_kept text[] := '{}';`,
  looked: `
    IF p_ends @? '$[*] ? (@.state == "failed")' THEN
      SELECT coalesce(array_agg(session_id), '{}') INTO v_kept FROM idempotency
        WHERE key_hash = ANY (ARRAY(SELECT idempotency_key FROM sessions WHERE id = ANY (v_ids)))
          AND session_id = ANY (v_ids) AND repeated;
    END IF;`,
  chosen:
    'session_id, state, only_lapsed, bool_or(keep_quota) OVER (PARTITION BY session_id) AS keep_quota, event',
  ordered: `
      ORDER BY session_id, coalesce(only_lapsed, false), state = 'failed'`,
  spared: `
        AND (e.state <> 'failed' OR s.id <> ALL (v_kept))`,
};
