import { defineConfig } from "vitest/config";

/** Configuration of mutation tests: they need no contracts and no browser, so nothing is compiled. */
export default defineConfig({
  test: {
    include: ["test/**/!(*.long).test.ts"],
    retry: 0,
    passWithNoTests: false,
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    cache: false,
  },
});
