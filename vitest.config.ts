import { defineConfig } from "vitest/config";

// Longer matrices run behind `./whitepay test --long`.
const long = process.env["WHITEPAY_LONG"] === "1";

export default defineConfig({
  test: {
    include: long ? ["test/**/*.test.ts"] : ["test/**/!(*.long).test.ts"],
    // Contracts are compiled once, before any worker starts.
    globalSetup: ["test/support/global-setup.ts"],
    // A test that passes only on the second try is a bug, so there is no second try.
    retry: 0,
    passWithNoTests: false,
    // Several tests start chains and daemons of their own, on two cores.
    maxWorkers: 2,
    testTimeout: long ? 600_000 : 60_000,
    hookTimeout: 120_000,
    pool: "forks",
  },
});
