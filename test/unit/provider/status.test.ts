/** The status of a provider: readiness, who serves a group, and how long its payer's money lasts. */
import { expect, it } from "vitest";
import { statusSchema } from "../../../provider/api/schemas.ts";
import { readinessOf, statusOf } from "../../../provider/api/status.ts";
import type { StatusSource } from "../../../provider/api/status.ts";
import { Books } from "../../../provider/money/books.ts";
import type { GroupMoney } from "../../../provider/money/group-money.ts";
import { RecentChallenges } from "../../../provider/recent-challenges.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { temporaryFolder } from "../../support/files.ts";

const address = (byte: number): Hex => `0x${byte.toString(16).padStart(2, "0").repeat(20)}`;
const [group, old, next] = [address(1), address(2), address(3)];
const money: GroupMoney = {
  payer: address(4),
  token: { address: undefined, symbol: "coin", decimals: 18 },
  createdAt: 1,
  settledThrough: 90,
  ends: false,
  credit: 2n ** 80n,
  arrears: 0n,
  coming: 7n,
  fundedUntil: 400,
  isFundingKnown: true,
  reservedUntil: 150,
};

async function source(changes: Partial<StatusSource> = {}): Promise<StatusSource> {
  return {
    operator: address(9),
    peerId: () => "12D3Koo",
    startedAt_ms: 5,
    look: () => ({ block: 100, age_s: 3, limit_s: 10, isOld: false }),
    block_s: () => 12,
    problems: () => [],
    faultOf: () => undefined,
    groups: () => [group],
    standingOf: () => ({
      services: [
        { committee: old, from: 20, left: 120 },
        { committee: next, from: 120, left: undefined },
      ],
      own: {
        provider: 2,
        leavesAt: undefined,
        data: [
          { from: 20, bytes: 5n, price: 1n, listRoot: group, receiptKey: group },
          { from: 110, bytes: 9n, price: 1n, listRoot: group, receiptKey: group },
        ],
      },
    }),
    stored: () => ({ volumes: [], scrub: undefined }),
    waitingBytes: () => 0,
    offers: () => false,
    totals: () => ({
      answered: 0,
      whole: 0,
      repeated: 0,
      refused: 0,
      served: 0,
      servedBytes: 0,
      bytesProven: "0",
      bytesCommitted: "0",
    }),
    challenges: new RecentChallenges(),
    books: await Books.open(await temporaryFolder(), () => undefined),
    money: { of: () => money },
    ...changes,
  };
}

it("is not ready before the first block, and while something cannot be read", async () => {
  const look = () => ({ block: undefined, age_s: 1, limit_s: 10, isOld: false });
  expect(readinessOf(await source({ look }))).toEqual({
    ready: false,
    problems: ["no block has been received yet; check the RPC endpoints"],
    headAge_s: 1,
    headAgeLimit_s: 10,
  });
  const problems = () => ["group … cannot be read"];
  expect(readinessOf(await source({ problems }))).toMatchObject({ ready: false, problems: problems() });
  expect(readinessOf(await source())).toMatchObject({ ready: true, problems: [] });
});

it("names the present committee and the next one, what is committed now, and the time that the money lasts", async () => {
  const status = statusSchema.parse(await statusOf(await source()));
  expect(status.groups).toHaveLength(1);
  expect(status.groups[0]).toMatchObject({
    group,
    committee: old,
    next: { committee: next, from: 120 },
    provider: 2,
    committedBytes: "5",
    money: {
      credit: (2n ** 80n).toString(),
      token: { address: null, symbol: "coin", decimals: 18 },
      runway_s: 300 * 12,
      reserved_s: 50 * 12,
      bookedThrough: null,
    },
  });
});

it("knows no runway without a Lens, before the pace of blocks is known, and of money without end", async () => {
  const of = async (changes: Partial<StatusSource>) =>
    (await statusOf(await source(changes))).groups[0]?.money;
  const without = { ...money, isFundingKnown: false, fundedUntil: undefined };
  expect(await of({ money: { of: () => without } })).toMatchObject({ isFundingKnown: false, runway_s: null });
  expect(await of({ block_s: () => undefined })).toMatchObject({ fundedUntilBlock: 400, runway_s: null });
  const endless = { ...money, fundedUntil: undefined };
  expect(await of({ money: { of: () => endless } })).toMatchObject({
    fundedUntilBlock: null,
    runway_s: null,
  });
  expect(await of({ money: { of: () => undefined } })).toBeNull();
});
