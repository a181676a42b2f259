import { defineConfig } from 'vitest/config';

const unit = [
  '{libs,services,apps,recipes,examples}/**/src/**/*.test.ts',
  'tools/**/*.test.ts',
  '{libs,services,apps,recipes}/**/test/**/*.test.ts',
];
const integration = ['{libs,services,apps,recipes,examples,e2e}/**/*.integration.test.ts'];
const conformance = ['{libs,services,apps}/**/*.conformance.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: unit,
          exclude: [...integration, ...conformance, '**/node_modules/**'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: integration,
          globalSetup: ['libs/testing/src/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // One broker serves all of them: more than two files at once only make each other slow.
          maxWorkers: 2,
        },
      },
      {
        test: {
          // Beside programs of others, most of them in Python (libs/testing/src/python.ts); installing them is part of a hook.
          name: 'conformance',
          include: conformance,
          globalSetup: ['libs/testing/src/global-setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/test/**/*.test.ts'],
          exclude: [...integration, '**/node_modules/**'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 1,
        },
      },
    ],
  },
});
