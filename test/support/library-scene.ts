/** A group with a provider and one settlement, on a chain behind JSON-RPC, for the library's examples. */
import { join } from "node:path";
import { planAddProvider } from "../../client/provider-plans.ts";
import { send } from "../../client/transactions.ts";
import { readConsent } from "../../cli/group/files/consent.ts";
import { newGroup, payerScene, storingProvider, type PayerScene } from "./payer-scene.ts";
import { settleNext } from "./settling.ts";

export type LibraryScene = PayerScene & {
  readonly group: string;
  /** Of the group. */
  readonly committee: string;
  /** Transaction of the settlement. */
  readonly settlement: string;
};

export async function libraryScene(): Promise<LibraryScene> {
  const scene = await payerScene({ keepers: 4 });
  const group = await newGroup(scene);
  const storing = await storingProvider(scene, "library", 21_201, { sizes: [1_000_000] });
  const consent = join(scene.folder, "consent.json");
  await storing.consent(group.address, consent);
  await send(await planAddProvider(scene.payer, group.at, await readConsent(consent)), scene.payer);
  return {
    ...scene,
    group: group.address,
    committee: group.committee.address,
    settlement: await settleNext(scene, group),
  };
}
