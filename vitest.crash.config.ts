import { defineConfig } from 'vitest/config';

/** kill -9 at the worst moments of the whole stack: slow, and alone on the machine. */
export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts'],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
