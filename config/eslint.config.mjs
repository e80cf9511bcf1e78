import js from '@eslint/js';
import typescript from 'typescript-eslint';

/** Where a secret's text may be read: each of these hands it straight to what needs it. */
const MAY_REVEAL = [
  'src/audit/signing-keys.ts',
  'src/auth/admin-keys.ts',
  'src/auth/own-tokens.ts',
  'src/cli/serve.ts',
  'src/providers/openai.provider.ts',
  'src/turn/secret-use.ts',
  'src/vault/directory-vault.ts',
  'src/vault/project-key.ts',
  'src/vault/sealing/seal.ts',
  'src/vault/turn-secret.ts',
  'scripts/start.ts',
  'test/**',
  'src/**/*.spec.ts',
];

const clock = {
  selector:
    "CallExpression[callee.object.name='Date'][callee.property.name='now'], NewExpression[callee.name='Date'][arguments.length=0], CallExpression[callee.object.name='performance'][callee.property.name='now']",
  message: 'Time is an input: take a Clock, or the database’s clock where processes must agree.',
};
const reveal = {
  selector: "CallExpression[callee.property.name='reveal']",
  message: 'A secret’s text leaves its type only where it is used: see MAY_REVEAL in this configuration.',
};

export default typescript.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**'] },
  js.configs.recommended,
  ...typescript.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: 'config/tsconfig.check.json', tsconfigRootDir: `${import.meta.dirname}/..` },
    },
    rules: {
      complexity: ['error', 10],
      'max-params': ['error', 5],
      'max-depth': ['error', 3],
      'no-console': 'error',
      'no-restricted-syntax': ['error', clock, reveal],
      'no-restricted-exports': [
        'error',
        { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-extraneous-class': [
        'error',
        { allowWithDecorator: true, allowStaticOnly: false, allowEmpty: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Some types are also classes, because a class is what Nest injects by; none of them is ever constructed.
      '@typescript-eslint/no-unsafe-declaration-merging': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'with-single-extends' }],
    },
  },
  {
    files: ['src/console/pages/**'],
    languageOptions: {
      parserOptions: { project: 'config/tsconfig.pages.json', tsconfigRootDir: `${import.meta.dirname}/..` },
    },
  },
  {
    files: MAY_REVEAL,
    rules: { 'no-restricted-syntax': ['error', clock] },
  },
  {
    files: [
      'src/common/clock.ts',
      'src/console/pages/support/clock.ts',
      'src/database/embedded/**',
      'src/**/*.spec.ts',
      'test/**',
      'scripts/**',
      'bench/**',
    ],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['test/**', 'src/**/*.spec.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // answers are looked into freely: a wrong guess fails the test
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      'max-depth': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    ...typescript.configs.disableTypeChecked,
    languageOptions: {
      ...typescript.configs.disableTypeChecked.languageOptions,
      globals: { process: 'readonly', globalThis: 'readonly' },
    },
  },
  // A factory is handed all that its class needs, one by one.
  { files: ['src/**/*.module.ts'], rules: { 'max-params': 'off' } },
  // Jest asks for a default export.
  { files: ['test/**/*.mjs', 'config/*.mjs'], rules: { 'no-restricted-exports': 'off' } },
);
