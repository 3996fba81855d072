/** A committee's settlements without daemons: all keepers sign the space-time that the test sets. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { Contract, getBytes, Wallet } from "ethers";
import { groupAbi } from "../../client/abi.ts";
import { encodeG1, signatureTag } from "../../client/bls.ts";
import { GroupView } from "../../client/group-view.ts";
import type { PayerScene } from "./payer-scene.ts";

/** Of `provenBps` ten-thousandths of what each provider has committed. Returns the transaction's hash. */
export async function settleNext(
  scene: Pick<PayerScene, "provider" | "keepers" | "mine">,
  group: string,
  { provenBps = 10_000n, turn = 1 }: { readonly provenBps?: bigint; readonly turn?: number } = {},
): Promise<string> {
  const { provider, keepers } = scene;
  const view = new GroupView(provider, group);
  const [{ interval, turn: turnBlocks }, { settledThrough: ts, committee }] = await Promise.all([
    view.parameters(),
    view.state(),
  ]);
  const te = ts + interval + (turn - 1) * turnBlocks;
  await scene.mine(Math.max(0, te - 1 - (await provider.getBlockNumber())));
  const items = await itemsOf(view, { ts, te, provenBps });
  const seats = keepers.slice(0, 4);
  const failed = turn === 1 ? 0 : 2;
  const settlement = { ts, te, committee, leader: 0, failed, payees: 15 & ~failed, items };
  const leader = new Wallet(seats[0]?.keys.operator ?? "", provider);
  const contract = new Contract(group, groupAbi, leader);
  const digest = getBytes(await contract.getFunction("settlementDigest")(settlement));
  const { shortSignatures } = bls12_381;
  const partial = seats.map(({ keys }) =>
    shortSignatures.sign(shortSignatures.hash(digest, signatureTag), getBytes(keys.bls)),
  );
  const sent = await contract.getFunction("settle")(
    settlement,
    15,
    encodeG1(shortSignatures.aggregateSignatures(partial)),
  );
  await sent.wait();
  return sent.hash;
}

async function itemsOf(
  view: GroupView,
  { ts, te, provenBps }: { readonly ts: number; readonly te: number; readonly provenBps: bigint },
): Promise<{ provider: number; spaceTime: bigint }[]> {
  const listed = (await view.providers()).filter(({ closed, activeFrom }) => !closed && activeFrom < te);
  return Promise.all(
    listed.map(async ({ index }) => {
      const [committed] = await view.read("committedSpaceTime", [index, ts, te]);
      return { provider: index, spaceTime: ((committed as bigint) * provenBps) / 10_000n };
    }),
  );
}
