import unit from './jest.config.mjs';

/** The image that VESTIBULE_IMAGE names, on the cluster of KUBECONFIG. */
export default {
  ...unit,
  globalSetup: undefined,
  globalTeardown: undefined,
  testMatch: ['<rootDir>/test/image/**/*.spec.ts'],
  testTimeout: 90_000,
  maxWorkers: 1,
};
