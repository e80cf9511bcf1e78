import unit from './jest.config.mjs';

/** With a coturn: the one that COTURN names, or that is on the PATH. */
export default { ...unit, testMatch: ['<rootDir>/test/turn/**/*.spec.ts'] };
