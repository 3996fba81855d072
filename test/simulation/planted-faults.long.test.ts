/** Mutation tests of the checkers: random scenarios must detect each fault planted in the core within a number of seeds. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { caughtBy } from "../mutation/catch.ts";
import { faultFiles, readFaults } from "../mutation/faults.ts";
import { Tree } from "../mutation/tree.ts";

const faults = faultFiles.flatMap(readFaults).flatMap((fault) => {
  const caught = fault.caught.filter((catcher) => "seeds" in catcher);
  return caught.length === 0 ? [] : [{ ...fault, caught }];
});

describe("random scenarios detect a fault planted in the core", () => {
  let tree: Tree;
  beforeAll(async () => {
    tree = await Tree.copy();
  });
  afterAll(() => tree.remove());

  it("of fifteen or more", () => expect(faults.length).toBeGreaterThanOrEqual(15));

  it.each(faults)(
    "$name",
    async (fault) => {
      // One core: another test uses the other one, and a second thread costs more time to start than it saves.
      expect(await caughtBy(tree, fault)).toMatch(/^random scenarios/);
    },
    300_000,
  );
});
