import { defineConfig } from "vitest/config";

/** Tests that a planted fault should fail: none of them needs contracts or a browser, so nothing is compiled for them. */
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
