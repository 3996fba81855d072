import { describe, expect, it } from "vitest";
import type { HeardPartial } from "../support/fleet/traces.ts";
import { judgeSignatures } from "./judge.ts";

function partial(keeper: number, turn: number, digest: string): HeardPartial {
  return { keeper, ts: 10, turn, digest, bytes: new Uint8Array() };
}

describe("the judge of signatures (S5)", () => {
  it("accepts a repeated message, and two digests in two turns", () => {
    const said = [partial(1, 1, "0xaa"), partial(1, 1, "0xaa"), partial(1, 2, "0xbb"), partial(2, 1, "0xcc")];
    expect(() => judgeSignatures(said)).not.toThrow();
  });

  it("reports two digests of one keeper in one turn, and a run without signatures", () => {
    expect(() => judgeSignatures([partial(1, 1, "0xaa"), partial(1, 1, "0xbb")])).toThrow(
      /keeper 1, ts 10, turn 1/,
    );
    expect(() => judgeSignatures([])).toThrow(/greater than 0/);
  });
});
