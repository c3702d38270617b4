import { defineConfig } from 'vitest/config';

/** Real clients against `npm start`: one after the other, because each file starts the whole stack. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 900_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
