import { defineConfig } from 'vitest/config';

/** The pages in a real browser, against the whole stack. */
export default defineConfig({
  test: {
    // With PICTURES it takes pictures for the documentation and tries nothing.
    include: [process.env['PICTURES'] === undefined ? 'test/browser/**/*.test.ts' : 'test/browser/pictures.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
