/** Who may import whom; each rule with its reason. `npm test` runs it as the step "boundaries". */
const only = (module, owners) => ({
  name: `only-${owners[0].replace(/\W+/g, '-')}-imports-${module.replace(/\W+/g, '-')}`,
  comment: `${module} is imported in one place, so that it can be replaced in one place.`,
  severity: 'error',
  from: { path: '^(libs|services|apps|recipes|examples|bench|e2e)/', pathNot: owners.map((owner) => `^${owner}/`) },
  to: { path: `node_modules/${module}/` },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle has no first thing to read.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'services-are-islands',
      comment: 'Services share nothing but topics and gRPC; what two of them need is a lib.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^(services|apps|recipes|examples)/', pathNot: '^services/$1/' },
    },
    {
      name: 'libs-know-no-services',
      comment: 'A lib that knows its user cannot serve another.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(services|apps|recipes|examples|e2e|bench)/' },
    },
    {
      name: 'domain-is-pure',
      comment:
        'domain imports domain, statistics, feature semantics, record checks and contract types only: that is what makes it testable and replayable.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/domain/', pathNot: '\\.test\\.ts$' },
      to: {
        path: '^(libs|services)/',
        pathNot: [
          '/src/domain/',
          '^libs/(stats|contracts|features|drift)/',
          '^libs/records/src/check/',
          '/src/errors\\.ts$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'app-knows-no-adapters',
      comment: 'app talks to ports; main.ts alone chooses the adapters.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/app/', pathNot: '\\.test\\.ts$' },
      to: { path: '^services/[^/]+/src/adapters/' },
    },
    only('kafkajs', ['libs/kafka', 'bench']),
    only('ioredis', ['libs/storage', 'bench']),
    only('@duckdb', ['libs/storage']),
    only('pg', ['libs/storage']),
    only('aws4fetch', ['libs/storage']),
    only('onnxruntime-node', ['libs/onnx', 'bench']),
    only('prom-client', ['libs/service']),
    only('pino', ['libs/service']),
    only('@grpc', ['libs/grpc', 'libs/contracts', 'bench']),
    only('fastify', ['libs/service', 'services/console', 'services/gateway']),
    only('@marcbachmann', ['libs/contracts']),
    only('avsc', ['libs/records']),
    only('protobufjs', ['libs/records', 'libs/grpc']),
    only('re2js', ['libs/contracts']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'libs/contracts/src/gen' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
