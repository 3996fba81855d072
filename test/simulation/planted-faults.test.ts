/** Do the checkers bite? Faults planted in the core, each of which random scenarios must find within a number of seeds. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { caughtBy } from "../mutation/catch.ts";
import { faultFiles, readFaults } from "../mutation/faults.ts";
import { Tree } from "../mutation/tree.ts";

const faults = faultFiles.flatMap(readFaults).flatMap((fault) => {
  const caught = fault.caught.filter((catcher) => "seeds" in catcher);
  return caught.length === 0 ? [] : [{ ...fault, caught }];
});

describe("a fault planted in the core is found by random scenarios", () => {
  let tree: Tree;
  beforeAll(async () => {
    tree = await Tree.copy();
  });
  afterAll(() => tree.remove());

  it("and there are fifteen or more", () => expect(faults.length).toBeGreaterThanOrEqual(15));

  it.each(faults)(
    "$name",
    async (fault) => {
      // On one core: another test runs on the other one, and a second thread costs more to start than it saves.
      expect(await caughtBy(tree, fault)).toMatch(/^random scenarios/);
    },
    300_000,
  );
});
