/** Members' attestations of a ceremony's contribution against the keys of a committee on a chain in this process (R48). */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { toBeHex } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  attestingMembers,
  signContribution,
  verifyContribution,
  type AttestingMembers,
} from "../../../client/contribution.ts";
import type { CeremonyContribution } from "../../../protocol/contribution.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { Keeper } from "../../support/contracts/basics.ts";
import { ClientWorld } from "../../support/contracts/client-world.ts";

let scene: ClientWorld;
let keepers: Keeper[];
let members: AttestingMembers;

beforeAll(async () => {
  scene = await ClientWorld.open();
  keepers = await scene.world.keepers(4);
  const { address } = await scene.form(keepers);
  members = await attestingMembers(scene.provider, address);
});
afterAll(() => scene.chain.close());

const contribution: CeremonyContribution = {
  ceremony: `0x${"01".repeat(32)}`,
  index: 3,
  challenge: `0x${"02".repeat(32)}`,
  response: `0x${"03".repeat(32)}`,
};
const secretOf = (index: number): Hex => toBeHex((keepers[index] as Keeper).secret, 32) as Hex;
const signedBy = (index: number, own = members, what = contribution) => ({
  version: 1,
  member: index,
  signature: signContribution(secretOf(index), own, what),
});

describe("an attestation of a contribution (R48)", () => {
  it("holds for each member, and q of them are needed", () => {
    expect(members).toMatchObject({ version: 1, quorum: 3, retiredFrom: undefined });
    expect([0, 1, 2, 3].map((i) => verifyContribution(members, contribution, signedBy(i)))).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it.each([
    ["ceremony", { ceremony: `0x${"11".repeat(32)}` as const }],
    ["index", { index: 4 }],
    ["challenge", { challenge: `0x${"12".repeat(32)}` as const }],
    ["response", { response: `0x${"13".repeat(32)}` as const }],
  ])("does not hold for another %s", (_name, change) => {
    expect(verifyContribution(members, { ...contribution, ...change }, signedBy(0))).toBe(false);
  });

  it("does not hold for another member, version, chain or committee", () => {
    const own = signedBy(0);
    const others = [
      { ...own, member: 1 },
      { ...own, member: 4 },
      { ...own, member: -1 },
      { ...own, version: 2 },
      signedBy(0, { ...members, chainId: members.chainId + 1 }),
      signedBy(0, { ...members, committee: `0x${"c1".repeat(20)}` }),
    ];
    expect(others.map((other) => verifyContribution(members, contribution, other))).toEqual(
      others.map(() => false),
    );
  });

  it("does not hold for infinity, a point outside the subgroup, or other bytes (D5)", () => {
    const { G1 } = bls12_381;
    // x = 4 is on the curve and outside the subgroup: the cofactor is not 1.
    const outside = `0x80${"00".repeat(46)}04` as const;
    expect(() => G1.Point.fromHex(outside.slice(2))).toThrow(/not in prime-order subgroup/);
    const texts: Hex[] = [
      `0xc0${"00".repeat(47)}`,
      outside,
      "0x",
      `0x${"ff".repeat(48)}`,
      `0x${"00".repeat(96)}`,
    ];
    expect(
      texts.map((signature) =>
        verifyContribution(members, contribution, { version: 1, member: 0, signature }),
      ),
    ).toEqual(texts.map(() => false));
  });

  it("needs a version that took effect, and a committee", async () => {
    await expect(attestingMembers(scene.provider, members.committee, 9)).rejects.toThrow(/version/);
    await expect(attestingMembers(scene.provider, `0x${"c1".repeat(20)}`)).rejects.toThrow(/no committee at/);
  });
});
