/** As volume-kills.test.ts, with many more kills. */
import { expect, it } from "vitest";
import { killWhileMoving } from "../support/volume-kills.ts";

it("loses no piece when a process that moves, adds and deletes is killed forty times", async () => {
  const steps = await killWhileMoving(40, 2);
  expect(new Set(steps)).toEqual(new Set(["moved", "turned", "deleted"]));
}, 600_000);
