const NEST_FILES = [
  '\\.(module|controller|guard|filter)\\.ts$',
  '^src/(service|main)\\.ts$',
  '^src/auth/access\\.ts$',
  '^src/common/provide\\.ts$',
  '^src/http/fastify\\.ts$',
  '^src/openapi/describe\\.ts$',
  '^src/telemetry/log\\.ts$',
  // the throttler's storage interface
  '^src/auth/address-windows\\.ts$',
];

const room = (name) => `^src/${name}/`;

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'rules-without-framework',
      comment: 'What decides is plain TypeScript; Nest wires it in modules, controllers, guards and filters.',
      severity: 'error',
      from: { path: '^src/', pathNot: NEST_FILES },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'sql-through-database',
      comment: 'Connections have one owner.',
      severity: 'error',
      from: { path: '^src/', pathNot: room('database') },
      to: { path: 'node_modules/(typeorm|pg)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'vault-by-its-port',
      comment: 'Only what opens the backend knows which adapter serves.',
      severity: 'error',
      from: { path: '^src/', pathNot: [room('vault'), '^src/(cluster-)?backend\\.ts$'] },
      to: { path: '^src/vault/(directory|kubernetes)-vault\\.ts$' },
    },
    {
      name: 'turn-secrets-in-turn',
      comment: 'One room tells what relays share with this service.',
      severity: 'error',
      from: { path: '^src/', pathNot: [room('vault'), room('turn'), '\\.spec\\.ts$'] },
      to: { path: '^src/vault/turn-secret\\.ts$' },
    },
    {
      name: 'provider-by-its-port',
      severity: 'error',
      from: { path: '^src/', pathNot: room('providers') },
      to: { path: '^src/providers/openai\\.provider\\.ts$' },
    },
    {
      name: 'auth-knows-no-sessions',
      severity: 'error',
      from: { path: room('auth') },
      to: { path: [room('session'), room('providers')] },
    },
    {
      name: 'foundations-know-no-rooms',
      severity: 'error',
      from: { path: [room('common'), room('config')] },
      to: { path: '^src/(?!common/|config/)' },
    },
    {
      name: 'kubernetes-only-on-demand',
      comment: 'The client takes 60 MB: a service with a directory does not load it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/kubernetes/open-cluster\\.ts$' },
      to: { path: 'node_modules/@kubernetes/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'embedded-only-on-demand',
      comment:
        'The image has no embedded PostgreSQL: nothing imports it but the place that chooses a database.',
      severity: 'error',
      from: { path: '^src/', pathNot: [room('database/embedded'), '^src/database/database-urls\\.ts$'] },
      to: { path: room('database/embedded') },
    },
    {
      name: 'product-knows-no-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: ['^test/', '^scripts/', '\\.spec\\.ts$'] },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: {},
    },
    {
      name: 'pages-stand-alone',
      comment:
        'Pages run in browsers: they know the service by its API alone, and it knows what the build made.',
      severity: 'error',
      from: { path: '^src/console/pages/' },
      to: { path: '^src/(?!console/pages/)' },
    },
    {
      name: 'pages-are-bundled',
      severity: 'error',
      from: { path: '^src/(?!console/pages/)', pathNot: '\\.spec\\.ts$' },
      to: { path: '^src/console/pages/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: {
        path: '^src/',
        // what pages take is in their bundles
        pathNot: [room('database/embedded'), room('console/pages'), '\\.spec\\.ts$'],
      },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'config/tsconfig.check.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
