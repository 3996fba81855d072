/** Many groups of one committee, settled in one transaction. */
import { type TransactionReceipt } from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import { send } from "./chain.ts";
import { n, type Committee, type Group } from "./group-world.ts";
import { itemWord, noSender, payoutWord, periodWord } from "./words.ts";

export type Share = "whole" | "half";

/** Certifies the next interval and settles all `groups`, each with what its providers proved. */
export async function settleMany(
  committee: Committee,
  groups: readonly Group[],
  options: { unpaid?: readonly number[]; proven?: Share } = {},
): Promise<TransactionReceipt> {
  const { unpaid = [], proven = "whole" } = options;
  const { ts, te } = await committee.certify();
  const certifiedThrough = await committee.certifiedThrough();
  const calls = await Promise.all(
    groups.map(async (group) => {
      const { settledThrough, service } = await group.read("state");
      const items = await group.items(te);
      const blocks = BigInt(te) - settledThrough;
      const signed = await Promise.all(
        items.map(async ({ provider }) => {
          const { size } = (await group.read("dataOf", provider)).at(-1);
          const whole = blocks * size;
          return itemWord({ provider, spaceTime: proven === "whole" ? whole : whole / 2n + BigInt(te) });
        }),
      );
      const { version, versionFrom } = committee;
      const period = { number: Number(service.number), version, versionFrom, certifiedThrough, ts, te };
      return { address: await group.address(), period: periodWord(period), items: signed };
    }),
  );
  const payout = payoutWord({
    sender: noSender,
    paid: n - unpaid.length,
    divisor: n,
    n,
    unpaid: bitmap([...unpaid]),
  });
  return send(committee.contract, committee.world.payer, "settleMany", [
    calls.map(({ address }) => address),
    calls.map(({ period }) => period),
    payout,
    calls.map(({ items }) => items),
  ]);
}
