import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// Longer matrices run behind `./whitepay test --long`.
const long = process.env["WHITEPAY_LONG"] === "1";

/** Begin first, with or without the times of an earlier run: whole systems of processes, browsers and campaigns. */
const longest = /\/test\/(?:process|e2e|browser|docs|simulation\/(?:campaign|planted)|contract\/invariants)/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => longest.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

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
    maxConcurrency: 2,
    sequence: { sequencer: LongestFirst },
    // A limit for what hangs, with room for a machine that is busy with other work.
    testTimeout: long ? 600_000 : 240_000,
    hookTimeout: 360_000,
    pool: "forks",
  },
});
