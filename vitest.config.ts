import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/conformance/**', 'test/crash/**', 'test/browser/**', 'node_modules/**'],
    // Generous, and the only place that says so: a slow machine is no reason to fail. What a user would wait for is measured by bench/, never by a timed test.
    testTimeout: 300_000,
    hookTimeout: 600_000,
    pool: 'forks',
    // Much of a test's time is waiting for a local server: two at once pay even on two cores, where the default would be one.
    maxWorkers: 2,
  },
});
