import unit from './jest.config.mjs';

/** The Helm chart, by the helm that HELM names, or that is on the PATH. */
export default { ...unit, testMatch: ['<rootDir>/test/chart/**/*.spec.ts'] };
