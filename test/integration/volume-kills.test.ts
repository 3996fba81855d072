/** kill -9 while pieces are moved, added and deleted: every piece stays whole on a volume. */
import { expect, it } from "vitest";
import { killWhileMoving } from "../support/volume-kills.ts";

it("loses no piece when a process that moves, adds and deletes is killed twice", async () => {
  expect((await killWhileMoving(2, 1))[0]).toBe("moved");
}, 60_000);
