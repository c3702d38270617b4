import { defineConfig } from 'vitest/config';

/** The security kernel by the tests of the rules alone: every branch of what decides who may do what is taken by a test that names it. */
export default defineConfig({
  test: {
    include: ['test/core/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    coverage: {
      enabled: true,
      provider: 'v8',
      include: [
        'core/access/**',
        'core/approval/**',
        'core/gate/{waiver,review,break-glass,record-gate,webhook-signature}.ts',
        'core/promotion/{allowed-actions,begin,change,create,may-change,phase,plan,settle-gates}.ts',
      ],
      reporter: ['text'],
      thresholds: { statements: 100, branches: 100, functions: 100, lines: 100 },
    },
  },
});
