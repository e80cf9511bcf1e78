const typescript = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: {
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        target: 'es2023',
      },
      module: { type: 'es6' },
      sourceMaps: 'inline',
    },
  ],
};

export default {
  rootDir: '..',
  testMatch: [
    '<rootDir>/{src,bench}/**/*.spec.ts',
    '<rootDir>/test/{contract,docs,faults,integration}/**/*.spec.ts',
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: typescript,
  // The throttler is CommonJS and requires Nest's ES modules: they must be linked before it is.
  setupFiles: ['<rootDir>/test/support/preload-nest.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testTimeout: 30_000,
  maxWorkers: 2,
  injectGlobals: true,
  // With --coverage, as scripts/coverage.ts wants it.
  coverageProvider: 'v8',
  collectCoverageFrom: ['<rootDir>/src/**/*.ts'],
  coverageDirectory: '<rootDir>/coverage/in-process',
  coverageReporters: ['json'],
};
