import { defineConfig } from 'vitest/config';

/**
 * The security kernel, by the tables of its rules alone: each branch of what says who may do what is taken by a test that was written for it. The
 * random lives of requests are left out: what they reach by luck in one run they may miss in the next.
 */
export default defineConfig({
  test: {
    include: [
      'test/core/{access,approval,audit,gate,policy,promotion,registry,retention}/**/*.test.ts',
      'test/core/environment/configuration-version.test.ts',
    ],
    exclude: ['test/core/promotion/life.test.ts'],
    testTimeout: 300_000,
    pool: 'forks',
    coverage: {
      enabled: true,
      provider: 'v8',
      include: [
        'core/access/**',
        'core/approval/**',
        'core/audit/**',
        'core/policy/{evaluate,promotion-policy}.ts',
        'core/environment/configuration-version.ts',
        'core/retention/{pin,columns,due,inventory,may-apply,plan,tag-pattern}.ts',
        'core/gate/{waiver,review,break-glass,skip-canary,record-gate,webhook-signature}.ts',
        'core/registry/{closure-root,copy-comparison,copy-record,target}.ts',
        'core/promotion/{allowed-actions,begin,change,copy-change,create,may-change,phase,plan,plan-changes,settle-gates}.ts',
      ],
      // A list of names.
      exclude: ['core/audit/export-format.ts'],
      reporter: ['text'],
      thresholds: { statements: 100, branches: 100, functions: 100, lines: 100 },
    },
  },
});
