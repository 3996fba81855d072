/** What the provider's log says about its groups. */
import { expect, it } from "vitest";
import { standingText } from "../../../provider/chain-watch.ts";

const committee = `0x${"c0".repeat(20)}` as const;
const next = `0x${"c1".repeat(20)}` as const;
const data = (from: number, bytes: bigint) => ({
  from,
  bytes,
  price: 1n,
  listRoot: committee,
  receiptKey: committee,
});

it.each([
  [{ services: [], own: undefined }, "served by no committee; not a provider of it"],
  [
    {
      services: [{ committee, from: 10, left: undefined }],
      own: { provider: 3, leavesAt: undefined, data: [data(15, 700n)] },
    },
    `served by committee ${committee} from block 10; provider 3: 700 bytes from block 15`,
  ],
  [
    {
      services: [
        { committee, from: 10, left: 90 },
        { committee: next, from: 90, left: undefined },
      ],
      own: { provider: 0, leavesAt: 120, data: [data(15, 700n), data(60, 1n), data(120, 0n)] },
    },
    `served by committee ${committee} from block 10 to 89, then committee ${next} from block 90; provider 0: 700 bytes from block 15, 1 byte from block 60, 0 bytes from block 120; leaves at block 120`,
  ],
])("names services, commitments and leaving (%#)", (standing, text) => {
  expect(standingText(standing)).toBe(text);
});
