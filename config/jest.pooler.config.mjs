import unit from './jest.config.mjs';

/** Behind a PgBouncer of its own: the one that PGBOUNCER names, or that is on the PATH. */
export default { ...unit, testMatch: ['<rootDir>/test/pooler/**/*.spec.ts'] };
