/** A group with a provider and one settlement, on a chain behind JSON-RPC, for the library's examples. */
import { join } from "node:path";
import { planAddProvider } from "../../client/plans.ts";
import { send } from "../../client/transactions.ts";
import { readConsent } from "../../cli/group/files/consent.ts";
import { createGroup } from "../../scripts/fleet/setup.ts";
import { payerScene, storingProvider, type PayerScene } from "./payer-scene.ts";
import { sceneParams } from "./keeper-scene.ts";
import { settleNext } from "./settling.ts";

export type LibraryScene = PayerScene & {
  readonly group: string;
  /** Transaction of the settlement. */
  readonly settlement: string;
};

export async function libraryScene(): Promise<LibraryScene> {
  const scene = await payerScene({ keepers: 4 });
  const operators = scene.keepers.map(({ operator }) => operator);
  const params = { ...sceneParams, price: 10n ** 18n };
  const group = await createGroup(scene.deployment, scene.payer, params, operators);
  const storing = await storingProvider(scene, "library", 21_201, { sizes: [1_000_000] });
  const consent = join(scene.folder, "consent.json");
  await storing.consent(group, consent);
  await send(await planAddProvider(scene.payer, group, await readConsent(consent)), scene.payer);
  return { ...scene, group, settlement: await settleNext(scene, group) };
}
