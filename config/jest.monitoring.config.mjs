import unit from './jest.config.mjs';

/** With Debian's prometheus, which brings promtool. */
export default { ...unit, testMatch: ['<rootDir>/test/monitoring/**/*.spec.ts'], testTimeout: 60_000 };
