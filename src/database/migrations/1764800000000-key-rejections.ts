import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys that the provider refused, by fingerprint, so that every replica can tell of what one of them met. */
export class KeyRejections1764800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE key_rejections (
        key_fingerprint text PRIMARY KEY,
        rejected_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE key_rejections');
  }
}
