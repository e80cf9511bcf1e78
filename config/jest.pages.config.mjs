import unit from './jest.config.mjs';

/** In a real Chromium: the one that CHROMIUM names, or Debian's. */
export default {
  ...unit,
  testMatch: ['<rootDir>/test/pages/**/*.spec.ts'],
  testTimeout: 60_000,
  maxWorkers: 1,
};
