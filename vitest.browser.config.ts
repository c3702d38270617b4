import { defineConfig } from 'vitest/config';

/** The pages in a real browser, against the whole stack. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 90_000,
    hookTimeout: 240_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
