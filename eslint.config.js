import tseslint from 'typescript-eslint';

const pure = (name, instead) => ({ name, message: `A pure core gets it as an argument: ${instead}` });

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      'libs/contracts/src/gen/**',
      '.nx/**',
      '**/public/**',
      '**/*.js',
      '**/*.mjs',
      '**/*.cjs',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Ports promise to be asynchronous; an adapter that happens not to wait still keeps the promise.
      '@typescript-eslint/require-await': 'off',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: ['error', 'always'],
    },
  },
  {
    files: ['**/*.config.ts'],
    rules: { 'no-restricted-exports': 'off' },
  },
  {
    files: [
      '**/src/domain/**/*.ts',
      'libs/stats/src/**/*.ts',
      'libs/drift/src/**/*.ts',
      'libs/features/src/**/*.ts',
      'libs/records/src/check/**/*.ts',
    ],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'A pure core gets the time as an argument: nowMs or watermarkMs.' },
        {
          object: 'Math',
          property: 'random',
          message: 'A pure core gets its randomness as an argument: a seeded generator.',
        },
        { object: 'performance', property: 'now', message: 'A pure core gets the time as an argument.' },
      ],
      'no-restricted-globals': [
        'error',
        pure('process', 'the values it needs, read by main.ts.'),
        pure('setTimeout', 'return an effect; app/ performs it.'),
        pure('setInterval', 'return an effect; app/ performs it.'),
        pure('setImmediate', 'return an effect; app/ performs it.'),
        pure('fetch', 'a port.'),
      ],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*', '!node:crypto'], message: 'A pure core does no IO: put it behind a port.' }] },
      ],
    },
  },
  {
    files: ['**/*.test.ts', '**/test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      'max-lines': 'off',
    },
  },
);
