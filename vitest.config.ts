import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// `./whitepay test --long` adds the longer matrices, `./whitepay test --fast` leaves out all that takes long.
const long = process.env["WHITEPAY_LONG"] === "1";
const fast = process.env["WHITEPAY_FAST"] === "1";

const all = "test/**/!(*.long).test.ts";
/** The tests in these folders start no fleet, no browser and no chain process. */
const fastFolders = "test/{architecture,mutation,property,simulation,unit}/**/!(*.long).test.ts";
/** A campaign in one of these folders. */
const campaign = "test/simulation/campaign.test.ts";

/** Start first, so that no long file is left over for the end: process fleets, browsers and campaigns. */
const longest = /\/test\/(?:process|e2e|browser|docs|package|simulation\/campaign|contract\/sequences)/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => longest.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: long ? ["test/**/*.test.ts"] : [fast ? fastFolders : all],
    exclude: fast ? [campaign] : [],
    // Contracts are compiled once, before any worker starts.
    globalSetup: ["test/support/global-setup.ts"],
    // A test that passes only on the second try is a defect.
    retry: 0,
    passWithNoTests: false,
    // One more than cores: a file that waits for blocks or for a connection leaves a core idle. Two workers used 1.6 of two cores.
    maxWorkers: 3,
    maxConcurrency: 2,
    sequence: { sequencer: LongestFirst },
    // Ends a test that hangs; no test comes near this limit, even on a busy machine.
    testTimeout: long ? 600_000 : 240_000,
    hookTimeout: 360_000,
    pool: "forks",
  },
});
