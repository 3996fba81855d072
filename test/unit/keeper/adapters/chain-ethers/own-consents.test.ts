import { expect, it } from "vitest";
import { committeeAbi } from "../../../../../keeper/adapters/chain-ethers/abi.ts";
import {
  markedConsent,
  ownConsentOf,
  readAgain,
} from "../../../../../keeper/adapters/chain-ethers/own-consents.ts";
import type { Hex } from "../../../../../protocol/hash.ts";

const me: Hex = `0x${"a1".repeat(20)}`;
const stranger: Hex = `0x${"b2".repeat(20)}`;
const plain = committeeAbi.encodeFunctionData("consent", [3]);
const event = {
  address: "0xc0",
  block: 7,
  tx: "0xf0",
  name: "MemberConsented",
  args: { version: 3n },
} as const;

/** An endpoint that has this transaction, or none. */
const having =
  (sent: { readonly from: string; readonly input: string } | null) => async (): Promise<unknown> =>
    sent;

it.each([
  ["the daemon's, marked with two replaced members", me, markedConsent(3, 2), { by: "daemon", replaced: 2 }],
  ["an operator's", me, plain, { by: "operator" }],
  ["an operator's with other bytes behind it", me, `${plain}${"00".repeat(32)}`, { by: "operator" }],
  ["handed in by a stranger, with the daemon's mark", stranger, markedConsent(3, 2), { by: "operator" }],
  ["a mark for another version", me, markedConsent(4, 2), { by: "operator" }],
  ["a mark that counts nobody", me, markedConsent(3, 0), { by: "unknown" }],
] as const)("a consent is %s (R37)", async (_name, from, input, expected) => {
  const own = await ownConsentOf(having({ from, input }), me, event);
  expect(own).toEqual({ version: 3, block: 7, tx: "0xf0", ...expected });
});

it("a consent of unknown origin is read again, one of known origin is not (R37)", async () => {
  const unknown = await ownConsentOf(having(null), me, event);
  expect(unknown.by).toBe("unknown");
  const known = await readAgain(having({ from: me, input: markedConsent(3, 1) }), me, unknown);
  expect(known).toMatchObject({ by: "daemon", replaced: 1 });
  expect(await readAgain(having(null), me, known)).toBe(known);
});
