import unit from './jest.config.mjs';

/** On the cluster of KUBECONFIG. One suite at a time: each has processes of its own, and some stop what others need. */
export default {
  ...unit,
  globalSetup: '<rootDir>/test/e2e/support/global-setup.mjs',
  testMatch: ['<rootDir>/test/e2e/**/*.spec.ts'],
  testPathIgnorePatterns: process.env.E2E_LONG === undefined ? ['<rootDir>/test/e2e/long/'] : [],
  testTimeout: 60_000,
  maxWorkers: 1,
};
