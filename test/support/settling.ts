/** A group's settlements without daemons: all keepers sign the space-time that the test sets. */
import type { PayerScene, PaidGroup } from "./payer-scene.ts";

/** Certifies the next interval of the group's committee and settles the group. Returns the transaction's hash. */
export async function settleNext(
  { world }: Pick<PayerScene, "world">,
  group: PaidGroup,
  { provenBps = 10_000n }: { readonly provenBps?: bigint } = {},
): Promise<string> {
  const { committee, view } = group;
  const turn = await committee.turnNow();
  const { interval, turn: turnBlocks } = committee.rhythm;
  const te = (await committee.certifiedThrough()) + interval + (turn - 1) * turnBlocks;
  const { settledThrough } = (await view.page()).state;
  const providers = (await view.providers()).filter(({ closed, activeFrom }) => !closed && activeFrom < te);
  const proven = await Promise.all(
    providers.map(async ({ index }) => {
      const { spaceTime } = await view.committed(index, [settledThrough, te]);
      return [index, (spaceTime * provenBps) / 10_000n] as const;
    }),
  );
  const receipt = await world.certify(committee, [group], { proven: Object.fromEntries(proven) });
  return receipt.hash;
}
